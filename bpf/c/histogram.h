/* SPDX-License-Identifier: GPL-2.0 */
/* The scale of internal/loghist, for the probes and for the test that compiles it natively. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#define SUB_BITS 4
#define LEAST_POWER 10
#define MOST_POWER 35
#define BUCKETS (((MOST_POWER - LEAST_POWER) << SUB_BITS) + 2)

/* bucket is loghist.Index. */
static inline __attribute__((always_inline)) unsigned int bucket(unsigned long long ns)
{
	unsigned long long rest = ns >> LEAST_POWER;
	unsigned int power = LEAST_POWER, step;

	if (rest == 0)
		return 0;
	if (ns >> MOST_POWER)
		return BUCKETS - 1;
	step = (rest >> 16 != 0) << 4; rest >>= step; power += step;
	step = (rest >> 8 != 0) << 3; rest >>= step; power += step;
	step = (rest >> 4 != 0) << 2; rest >>= step; power += step;
	step = (rest >> 2 != 0) << 1; rest >>= step; power += step;
	power += rest >> 1;
	return 1 + ((power - LEAST_POWER) << SUB_BITS) + ((ns >> (power - SUB_BITS)) & ((1 << SUB_BITS) - 1));
}

#endif

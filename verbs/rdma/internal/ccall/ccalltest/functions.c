#include "functions.h"

#include <stdlib.h>
#include <time.h>

long fs_test_combine(long a, long b, long c)
{
	return a + 10 * b + 100 * c;
}

long fs_test_deep(long bytes, long unused, long unused2)
{
	volatile char mem[bytes];
	(void)unused, (void)unused2;
	for (long i = 0; i < bytes; i++)
		mem[i] = (char)i;
	return mem[bytes - 1] == (char)(bytes - 1);
}

long fs_test_linger(long ns, long unused, long unused2)
{
	struct timespec begun, now;
	(void)unused, (void)unused2;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begun.tv_sec) * 1000000000L + now.tv_nsec - begun.tv_nsec < ns);
	return 0;
}

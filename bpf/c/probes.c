// SPDX-License-Identifier: GPL-2.0
/*
 * The probes. Programs get their arguments, and after a function its result, as words of ctx.
 *
 * What is under way is kept in arrays whose places are computed, not in hash tables: looking one up
 * is a few instructions, nothing is locked or allocated in a page fault, and what never ends (a
 * page that zswap had) is overwritten by something later. Two that meet in a place: the
 * later one wins, the earlier one is counted as lost.
 */
#include "kernel.h"
#include "histogram.h"

/* Given by the loader. */
volatile const u32 device_major, device_minor;
volatile const u32 queue_depth; /* requests in flight of a hardware queue */
volatile const u32 slab_shift;	/* sectors of a slab, as a power of two */

/* Bit n: swap of type n is on the device. */
u32 swap_types;

struct histogram {
	u64 sum;
	u64 counts[BUCKETS];
};

/* 32 bits: a slab would have to be read for a day at full speed, all in one bucket, to wrap. */
struct slab_histogram {
	u64 sum;
	u32 counts[BUCKETS];
};

enum source { FAULT, SWAPIN, BLOCK_READ, BLOCK_WRITE, SOURCES };

struct {
	NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	NUMBER(max_entries, SOURCES);
	TYPE(key, u32);
	TYPE(value, struct histogram);
} histograms SEC(".maps");

struct counters {
	u64 major_faults;
	u64 read_ahead;
	u64 lost;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	NUMBER(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, struct counters);
} counts SEC(".maps");

/* Reads and writes of slab n at 2n and 2n+1. User space maps it. */
struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(map_flags, BPF_F_MMAPABLE);
	NUMBER(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, struct slab_histogram);
} slabs SEC(".maps");

/* Faults by control group; 0 stands for those that found no place. */
struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, 128);
	TYPE(key, u64);
	TYPE(value, struct histogram);
} cgroups SEC(".maps");

static const struct histogram empty;

/* Faults under way, by the last bits of the thread's id. */
#define FAULTS 8192

enum fault_state {
	DECIDED = 1,  /* whether it is the device's */
	OURS = 2,     /* it is */
	MAJOR = 4,    /* it had to read */
	RETRYING = 8, /* the kernel will call again */
};

struct fault {
	u64 start, left, address;
	u32 thread; /* 0: none */
	u16 state, reads;
};

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, FAULTS);
	TYPE(key, u32);
	TYPE(value, struct fault);
} faults SEC(".maps");

/* A retry comes within microseconds, or after whoever holds the address space's lock. */
#define RETRY_WITHIN 1000000000ULL

/* Pages being read, by a hash of their folio, in either of two places. */
#define SWAPIN_BITS 13

struct swapin {
	u64 folio, start; /* folio 0: none */
};

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 1 << SWAPIN_BITS);
	TYPE(key, u32);
	TYPE(value, struct swapin);
} swapins SEC(".maps");

/* The most segments of a request that are looked at. */
#define REQUEST_SEGMENTS 512

/* When each request was issued, by queue and tag; 0: it is not. */
struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, u64);
} issued SEC(".maps");

/* Programs can be preempted, also by themselves on the same CPU: all counting is atomic. */
INLINE void count(struct histogram *h, u64 ns)
{
	u32 i = bucket(ns);

	asm volatile("" : "+r"(i)); /* the verifier wants to see the bound */
	if (i >= BUCKETS)
		return;
	__sync_fetch_and_add(&h->counts[i], 1);
	__sync_fetch_and_add(&h->sum, ns);
}

INLINE void count_source(u32 source, u64 ns)
{
	struct histogram *h = bpf_map_lookup_elem(&histograms, &source);

	if (h)
		count(h, ns);
}

INLINE void count_slab(u64 sector, u32 write, u64 ns)
{
	u32 i = bucket(ns), key = (u32)(sector >> slab_shift) * 2 + write;
	struct slab_histogram *h = bpf_map_lookup_elem(&slabs, &key);

	asm volatile("" : "+r"(i));
	if (!h || i >= BUCKETS)
		return;
	__sync_fetch_and_add(&h->counts[i], 1);
	__sync_fetch_and_add(&h->sum, ns);
}

INLINE struct counters *counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

INLINE void lose(void)
{
	struct counters *c = counters();

	if (c)
		__sync_fetch_and_add(&c->lost, 1);
}

/* A partition of the device is the device. */
INLINE int ours(struct gendisk *disk)
{
	return disk && disk->first_minor == device_minor && disk->major == device_major;
}

INLINE struct fault *fault_of(u32 thread)
{
	u32 i = thread & (FAULTS - 1);

	return bpf_map_lookup_elem(&faults, &i);
}

/* do_swap_page(vmf) begins */
SEC("fentry/do_swap_page")
int farswap_fault(u64 *ctx)
{
	struct vm_fault *vmf = (void *)ctx[0];
	u32 thread = bpf_get_current_pid_tgid();
	u64 now = bpf_ktime_get_ns(), address = vmf->address;
	struct fault *f = fault_of(thread);

	if (!f)
		return 0;
	if (f->thread == thread && f->state & RETRYING && f->address == address && now - f->left < RETRY_WITHIN) {
		f->state &= ~RETRYING;
		return 0;
	}
	if (f->thread && f->thread != thread && f->state & OURS)
		lose();
	f->thread = thread;
	f->start = now;
	f->address = address;
	f->state = 0;
	f->reads = 0;
	return 0;
}

/* do_swap_page(vmf) has returned */
SEC("fexit/do_swap_page")
int farswap_faulted(u64 *ctx)
{
	u32 result = ctx[1], thread = bpf_get_current_pid_tgid();
	struct fault *f = fault_of(thread);
	struct counters *c = counters();
	struct histogram *h;
	u64 took, group, other = 0;

	if (!f || f->thread != thread || !c)
		return 0;
	if (result & VM_FAULT_MAJOR)
		f->state |= MAJOR;
	if (result & VM_FAULT_RETRY && f->state & OURS) {
		f->state |= RETRYING;
		f->left = bpf_ktime_get_ns();
		return 0;
	}
	f->thread = 0;
	if (!(f->state & OURS))
		return 0;
	took = bpf_ktime_get_ns() - f->start;
	count_source(FAULT, took);
	if (f->state & MAJOR)
		__sync_fetch_and_add(&c->major_faults, 1);
	if (f->reads > 1)
		__sync_fetch_and_add(&c->read_ahead, f->reads - 1);

	group = bpf_get_current_cgroup_id();
	h = bpf_map_lookup_elem(&cgroups, &group);
	if (!h) {
		bpf_map_update_elem(&cgroups, &group, &empty, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&cgroups, &group);
	}
	if (!h)
		h = bpf_map_lookup_elem(&cgroups, &other);
	if (h)
		count(h, took);
	return 0;
}

/* get_swap_device(entry) has returned the swap of an entry. do_swap_page calls it first of all. */
SEC("fexit/get_swap_device")
int farswap_device(u64 *ctx)
{
	struct swap_info_struct *swap = (void *)ctx[1];
	struct block_device *device;
	struct fault *f;
	u32 thread, bit, mine;

	if (!swap)
		return 0;
	device = swap->bdev;
	mine = device && ours(device->bd_disk);
	bit = 1U << (swap->type & 31);
	if (mine && !(swap_types & bit))
		__sync_fetch_and_or(&swap_types, bit);
	if (!mine && swap_types & bit)
		__sync_fetch_and_and(&swap_types, ~bit);

	thread = bpf_get_current_pid_tgid();
	f = fault_of(thread);
	if (!f || f->thread != thread || f->state & DECIDED)
		return 0;
	f->state |= mine ? DECIDED | OURS : DECIDED;
	return 0;
}

INLINE u32 swapin_place(u64 folio) { return folio * 0x9e3779b97f4a7c15ULL >> (64 - SWAPIN_BITS); }

/* swap_read_folio submits the read of a folio, its argument n. */
INLINE int swap_in(u64 *ctx, u32 n)
{
	struct folio *folio = (void *)ctx[n];
	u32 thread, first, second;
	struct swapin *s, *t;
	struct fault *f;
	u64 entry, key;

	/* Read by a helper: it shares its place with a pointer, for which 7.3 takes it. */
	if (READ_KERNEL(&entry, &folio->swap.val) || !(swap_types & 1U << (entry >> SWP_TYPE_SHIFT & 31)))
		return 0;
	thread = bpf_get_current_pid_tgid();
	f = fault_of(thread);
	if (f && f->thread == thread)
		f->reads++;

	/* The folio as a number, which the verifier does not let be made of a pointer. It lets no
	 * other pointer into ctx be dereferenced either, so hide that one from the compiler. */
	asm volatile("" : "+r"(ctx));
	if (READ_KERNEL(&key, &ctx[n]))
		return 0;
	first = swapin_place(key);
	second = first ^ 1;
	s = bpf_map_lookup_elem(&swapins, &first);
	t = bpf_map_lookup_elem(&swapins, &second);
	if (!s || !t)
		return 0;
	if (t->folio == key || (s->folio && s->folio != key && !t->folio))
		s = t;
	if (s->folio && s->folio != key)
		lose();
	s->start = bpf_ktime_get_ns();
	s->folio = key;
	return 0;
}

/* swap_read_folio(folio, plug), until 7.x */
SEC("fentry/swap_read_folio")
int farswap_swapin0(u64 *ctx)
{
	return swap_in(ctx, 0);
}

/* swap_read_folio(context, folio) */
SEC("fentry/swap_read_folio")
int farswap_swapin1(u64 *ctx)
{
	return swap_in(ctx, 1);
}

INLINE void swapped_in(u64 folio, u64 now)
{
	u32 i = swapin_place(folio);
	struct swapin *s = bpf_map_lookup_elem(&swapins, &i);

	if (s && s->folio != folio) {
		i ^= 1;
		s = bpf_map_lookup_elem(&swapins, &i);
	}
	if (!s || s->folio != folio)
		return;
	s->folio = 0;
	count_source(SWAPIN, now - s->start);
}

struct walk {
	struct bio *bio;
	struct bio_vec *segment;
	u32 left; /* bytes of bio, from segment on */
	u64 now;
};

/* Goes on with bio, unless it is null. */
INLINE long enter(struct walk *w)
{
	struct bio_vec *segments;
	u32 first;

	if (!w->bio || READ_KERNEL(&segments, &w->bio->bi_io_vec) || READ_KERNEL(&first, &w->bio->bi_iter.bi_idx) ||
	    READ_KERNEL(&w->left, &w->bio->bi_iter.bi_size))
		return 1;
	w->segment = segments + first;
	return 0;
}

/* Looks at one segment; 1 ends the walk. The bio's size counts, since not every bio says how
 * many segments it has. */
static long step(u32 n, struct walk *w)
{
	struct bio *next;
	u64 page;
	u32 length;

	if (READ_KERNEL(&page, &w->segment->bv_page) || READ_KERNEL(&length, &w->segment->bv_len))
		return 1;
	swapped_in(page, w->now);
	w->segment++;
	if (length && length < w->left) {
		w->left -= length;
		return 0;
	}
	if (READ_KERNEL(&next, &w->bio->bi_next))
		return 1;
	w->bio = next;
	return enter(w);
}

/* Swap reads a folio as one segment, which begins with its first page; several may be merged. */
INLINE void all_swapped_in(struct request *rq, u64 now)
{
	struct walk w = { .bio = rq->bio, .now = now };

	if (!enter(&w))
		bpf_loop(REQUEST_SEGMENTS, step, &w, 0);
}

INLINE u64 *issue_of(struct request *rq)
{
	u32 tag = rq->tag, key = rq->mq_hctx->queue_num * queue_depth + tag;

	if (tag >= queue_depth)
		return 0;
	return bpf_map_lookup_elem(&issued, &key);
}

/* block_rq_issue(request): it goes to the driver, merged as it is. */
SEC("tp_btf/block_rq_issue")
int farswap_issue(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u64 *start;

	if (!ours(rq->q->disk) || (rq->cmd_flags & REQ_OP_MASK) > REQ_OP_WRITE)
		return 0;
	start = issue_of(rq);
	if (start)
		*start = bpf_ktime_get_ns();
	return 0;
}

/* block_rq_complete(request, error, bytes), before its bios end */
SEC("tp_btf/block_rq_complete")
int farswap_done(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 op = rq->cmd_flags & REQ_OP_MASK;
	u64 *start, now, took;

	if (!ours(rq->q->disk) || op > REQ_OP_WRITE)
		return 0;
	now = bpf_ktime_get_ns();
	if (op == REQ_OP_READ && swap_types)
		all_swapped_in(rq, now);
	start = issue_of(rq);
	if (!start || !*start)
		return 0;
	took = now - *start;
	*start = 0;
	count_source(op == REQ_OP_READ ? BLOCK_READ : BLOCK_WRITE, took);
	count_slab(rq->__sector, op, took);
	return 0;
}

/* bucket, as it comes out of the compiler and the kernel; for a test. */
struct scale {
	u64 ns;
	u64 index;
};

SEC("syscall")
int farswap_scale(struct scale *s)
{
	s->index = bucket(s->ns);
	return 0;
}

char licence[] SEC("license") = "GPL";

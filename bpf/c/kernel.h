/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the probes know of the kernel: the fields that they read, whose places are found in the
 * running kernel's BTF when they are loaded, and its interface to programs.
 */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major, first_minor;
};

struct block_device {
	struct gendisk *bd_disk;
};

struct request_queue {
	struct gendisk *disk;
};

struct blk_mq_hw_ctx {
	unsigned int queue_num;
};

struct page;

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len, bv_offset;
};

struct bvec_iter {
	unsigned int bi_size, bi_idx;
};

struct bio {
	struct bio *bi_next;
	struct bio_vec *bi_io_vec;
	struct bvec_iter bi_iter;
};

struct request {
	struct request_queue *q;
	struct blk_mq_hw_ctx *mq_hctx;
	u32 cmd_flags;
	int tag;
	u64 __sector;
	struct bio *bio;
};

typedef struct {
	unsigned long val;
} swp_entry_t;

struct swap_info_struct {
	signed char type;
	struct block_device *bdev;
};

struct folio {
	swp_entry_t swap;
};

struct vm_fault {
	unsigned long address;
};

#pragma clang attribute pop

/* enum vm_fault_reason, include/linux/mm_types.h */
#define VM_FAULT_MAJOR 0x000004
#define VM_FAULT_RETRY 0x000400

/* include/linux/blk_types.h */
#define REQ_OP_MASK 0xff
#define REQ_OP_READ 0
#define REQ_OP_WRITE 1

/* A swap entry has its device's type above this bit: SWP_TYPE_SHIFT, include/linux/swapops.h,
 * BITS_PER_XA_VALUE - MAX_SWAPFILES_SHIFT, on 64 bits. */
#define SWP_TYPE_SHIFT 58

/* enum bpf_map_type, flags of maps and of updates, include/uapi/linux/bpf.h */
#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_F_MMAPABLE (1 << 10)
#define BPF_NOEXIST 1

/* Helpers, by their numbers in include/uapi/linux/bpf.h */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_cgroup_id)(void) = (void *)80;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const bpf_loop)(u32 most, void *step, void *context, u64 flags) = (void *)181;

#define READ_KERNEL(to, from) bpf_probe_read_kernel(to, sizeof(*(to)), from)

/* How a map is described to the loader: as types of the members of a struct. */
#define NUMBER(name, value) int(*name)[value]
#define TYPE(name, value) typeof(value) *name
#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

#endif

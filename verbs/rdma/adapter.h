// An RDMA device that is open: its context, a protection domain, its limits.
#ifndef FARSWAP_RDMA_ADAPTER_H
#define FARSWAP_RDMA_ADAPTER_H

#include "lib.h"

struct fs_adapter {
	struct ibv_context *context;
	struct ibv_pd *pd;
	char name[IBV_SYSFS_NAME_MAX];
	uint8_t reads;  // READs that a queue pair may have outstanding
	uint8_t serves; // READs of the peer that a queue pair serves at once
	int iwarp;
};

// fs_adapter_count is the number of RDMA devices, or a negative errno.
int fs_adapter_count(void);

// fs_adapter_open opens the device of that name; an empty name takes the first
// that has an active port. 0 or a negative errno, -ENODEV when there is none.
int fs_adapter_open(struct fs_adapter *a, const char *name);

void fs_adapter_close(struct fs_adapter *a);

// fs_mr_new makes memory known to the adapter, reachable at iova. local is
// memory that READs of this side fill; else the peer may read and write it.
// NULL and errno.
struct ibv_mr *fs_mr_new(struct fs_adapter *a, void *memory, size_t length, uint64_t iova, int local);

// fs_mr_free takes it back: when it returns 0, no access can reach the memory.
int fs_mr_free(struct ibv_mr *mr);

// fs_next_async takes one event of the device: its enum ibv_event_type, or a
// negative errno, -EAGAIN when there is none.
int fs_next_async(struct ibv_context *context);

#endif

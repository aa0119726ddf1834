// A queue pair with its completion queue: the part of the data path that is C.
// One call posts a chain of work requests, one call reaps a batch of completions.
//
// Work requests are numbered; request n lies in slot n modulo the slots. The
// caller fills struct fs_wr of a slot and reads struct fs_wc; the pointers in
// between stay inside C. A struct fs_qp is used by one thread at a time.
#ifndef FARSWAP_RDMA_QP_H
#define FARSWAP_RDMA_QP_H

#include "lib.h"

#define FS_BATCH 32 // completions that one poll takes

struct fs_wr {
	uint64_t local;  // address
	uint64_t remote; // address in the peer's region
	uint32_t length; // bytes
	uint32_t lkey;
	uint32_t rkey;
	uint32_t write; // 1: WRITE, 0: READ
};

struct fs_wc {
	uint64_t number;
	uint32_t status; // enum ibv_wc_status
	uint32_t vendor; // the adapter's own code of an error
};

struct fs_qp {
	struct rdma_cm_id *id;
	struct ibv_qp *qp;
	struct ibv_cq *cq;
	struct ibv_comp_channel *channel;

	uint32_t slots; // a power of two
	uint32_t every; // each so many writes of a chain are signalled, and its last
	struct fs_wr *wr;
	struct ibv_send_wr *send;
	struct ibv_sge *sge;
	struct fs_wc wc[FS_BATCH];
	uint64_t unposted; // by the last fs_post, if it failed: from this number on
};

// fs_qp_new makes a queue pair for id on the device and protection domain of pd,
// in the state INIT. 0 or a negative errno, and nothing left of it. slots of 0
// makes one that posts nothing, for the passive side.
int fs_qp_new(struct fs_qp *q, struct rdma_cm_id *id, struct ibv_pd *pd, uint32_t depth, uint32_t slots, uint32_t every);

// fs_qp_ready takes it to RTS with what the connection manager has agreed on.
// reads bounds the READs that it may have outstanding, serves those of the peer;
// mtu is an enum ibv_mtu, 0 for the path's.
int fs_qp_ready(struct fs_qp *q, uint8_t reads, uint8_t serves, int mtu);

// fs_qp_failed is 0 if no error has ended the queue pair, else, and if the adapter does not
// say, 1.
int fs_qp_failed(struct fs_qp *q);

// fs_qp_destroy ends the queue pair: when it returns, the adapter touches no
// buffer of it any more. The completion queue and the id stay.
int fs_qp_destroy(struct fs_qp *q);

// fs_qp_free frees all that is left, the id too.
void fs_qp_free(struct fs_qp *q);

// fs_post posts the requests from first up to end as one chain. 0, or a negative
// errno; then those from q->unposted on were not posted.
int fs_post(struct fs_qp *q, uint64_t first, uint64_t end);

// fs_poll takes up to FS_BATCH completions into q->wc. When there is none it
// polls for up to spin nanoseconds. The number, or a negative errno.
int fs_poll(struct fs_qp *q, int64_t spin);

// fs_arm asks for an event on the channel with the next completion. One that
// came before gives none: poll afterwards.
int fs_arm(struct fs_qp *q);

// fs_events takes the events from the channel.
void fs_events(struct fs_qp *q);

// fs_status_name is a text for an enum ibv_wc_status.
const char *fs_status_name(int status);

#endif

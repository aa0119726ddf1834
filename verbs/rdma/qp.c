#include "qp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

// CLOCK_POLLS are the polls between two looks at the clock. Where the clock is not
// read in user space, as in many virtual machines, a look costs far more than a
// poll, and keeps others from what it takes.
#define CLOCK_POLLS 64

// failed makes a result of a call that sets errno.
static int failed(void)
{
	return errno ? -errno : -EIO;
}

static int nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return failed();
	return 0;
}

static int make_queues(struct fs_qp *q, struct ibv_pd *pd, uint32_t depth)
{
	struct ibv_context *context = pd->context;
	if (q->slots) {
		q->channel = fs_ibv.create_comp_channel(context);
		if (!q->channel)
			return failed();
		int err = nonblocking(q->channel->fd);
		if (err)
			return err;
	}
	q->cq = fs_ibv.create_cq(context, (int)depth, NULL, q->channel, 0);
	if (!q->cq)
		return failed();
	struct ibv_qp_init_attr init = {
		.send_cq = q->cq,
		.recv_cq = q->cq,
		.cap = { .max_send_wr = depth, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	q->qp = fs_ibv.create_qp(pd, &init);
	return q->qp ? 0 : failed();
}

// change moves the queue pair to state, with the attributes that the connection
// manager knows.
static int change(struct fs_qp *q, enum ibv_qp_state state, uint8_t reads, uint8_t serves, int mtu)
{
	struct ibv_qp_attr attr = { .qp_state = state };
	int mask;
	if (fs_cm.init_qp_attr(q->id, &attr, &mask))
		return failed();
	if (mask & IBV_QP_MAX_QP_RD_ATOMIC)
		attr.max_rd_atomic = reads;
	if (mask & IBV_QP_MAX_DEST_RD_ATOMIC)
		attr.max_dest_rd_atomic = serves;
	if ((mask & IBV_QP_PATH_MTU) && mtu && mtu < (int)attr.path_mtu)
		attr.path_mtu = mtu;
	return -fs_ibv.modify_qp(q->qp, &attr, mask);
}

int fs_qp_new(struct fs_qp *q, struct rdma_cm_id *id, struct ibv_pd *pd, uint32_t depth, uint32_t slots, uint32_t every)
{
	*q = (struct fs_qp){ .id = id, .slots = slots, .every = every };
	int err = -ENOMEM;
	if (slots) {
		q->wr = calloc(slots, sizeof *q->wr);
		q->send = calloc(slots, sizeof *q->send);
		q->sge = calloc(slots, sizeof *q->sge);
		if (!q->wr || !q->send || !q->sge)
			goto fail;
	}
	err = make_queues(q, pd, depth);
	if (!err)
		err = change(q, IBV_QPS_INIT, 0, 0, 0);
	if (!err)
		return 0;
fail:
	q->id = NULL; // stays the caller's
	fs_qp_destroy(q);
	fs_qp_free(q);
	return err;
}

int fs_qp_ready(struct fs_qp *q, uint8_t reads, uint8_t serves, int mtu)
{
	int err = change(q, IBV_QPS_RTR, reads, serves, mtu);
	return err ? err : change(q, IBV_QPS_RTS, reads, serves, 0);
}

int fs_qp_failed(struct fs_qp *q)
{
	struct ibv_qp_attr attr;
	struct ibv_qp_init_attr init;
	if (!q->qp || fs_ibv.query_qp(q->qp, &attr, IBV_QP_STATE, &init))
		return 1;
	return attr.qp_state != IBV_QPS_RTS && attr.qp_state != IBV_QPS_RTR;
}

int fs_qp_destroy(struct fs_qp *q)
{
	int err = 0;
	if (q->qp)
		err = -fs_ibv.destroy_qp(q->qp);
	if (!err)
		q->qp = NULL;
	return err;
}

void fs_qp_free(struct fs_qp *q)
{
	if (q->cq)
		fs_ibv.destroy_cq(q->cq);
	if (q->channel)
		fs_ibv.destroy_comp_channel(q->channel);
	if (q->id)
		fs_cm.destroy_id(q->id);
	free(q->wr);
	free(q->send);
	free(q->sge);
	*q = (struct fs_qp){ 0 };
}

int fs_post(struct fs_qp *q, uint64_t first, uint64_t end)
{
	uint32_t mask = q->slots - 1, writes = 0;
	for (uint64_t n = first; n < end; n++) {
		const struct fs_wr *wr = &q->wr[n & mask];
		struct ibv_sge *sge = &q->sge[n & mask];
		struct ibv_send_wr *send = &q->send[n & mask];
		sge->addr = wr->local;
		sge->length = wr->length;
		sge->lkey = wr->lkey;
		send->wr_id = n;
		send->next = n + 1 < end ? &q->send[(n + 1) & mask] : NULL;
		send->sg_list = sge;
		send->num_sge = 1;
		send->opcode = wr->write ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ;
		send->wr.rdma.remote_addr = wr->remote;
		send->wr.rdma.rkey = wr->rkey;
		// A read is waited for. A write without a completion of its own is known
		// to be done with the next one that has, since completions keep the order.
		int signal = !wr->write || ++writes % q->every == 0 || n + 1 == end;
		send->send_flags = signal ? IBV_SEND_SIGNALED : 0;
	}
	struct ibv_send_wr *bad = NULL;
	int err = ibv_post_send(q->qp, &q->send[first & mask], &bad);
	if (err)
		q->unposted = bad ? bad->wr_id : first;
	return err < 0 ? err : -err;
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int fs_poll(struct fs_qp *q, int64_t spin)
{
	struct ibv_wc wc[FS_BATCH];
	int n = ibv_poll_cq(q->cq, FS_BATCH, wc);
	if (n == 0 && spin > 0) {
		int64_t end = now() + spin;
		do {
			for (int i = 0; i < CLOCK_POLLS && n == 0; i++)
				n = ibv_poll_cq(q->cq, FS_BATCH, wc);
		} while (n == 0 && now() < end);
	}
	if (n < 0)
		return failed();
	for (int i = 0; i < n; i++)
		q->wc[i] = (struct fs_wc){ wc[i].wr_id, wc[i].status, wc[i].vendor_err };
	return n;
}

int fs_arm(struct fs_qp *q)
{
	int err = ibv_req_notify_cq(q->cq, 0);
	return err < 0 ? err : -err;
}

void fs_events(struct fs_qp *q)
{
	struct ibv_cq *cq;
	void *context;
	unsigned int n = 0;
	while (fs_ibv.get_cq_event(q->channel, &cq, &context) == 0)
		n++;
	if (n)
		fs_ibv.ack_cq_events(q->cq, n);
}

const char *fs_status_name(int status)
{
	return fs_ibv.wc_status_str((enum ibv_wc_status)status);
}

#define _GNU_SOURCE // dup3
#include "cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRIES 7 // the most that the field holds

static int failed(void)
{
	return errno ? -errno : -EIO;
}

struct rdma_event_channel *fs_channel_new(void)
{
	struct rdma_event_channel *channel = fs_cm.create_event_channel();
	if (!channel)
		return NULL;
	int flags = fcntl(channel->fd, F_GETFL);
	if (flags >= 0 && fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) >= 0)
		return channel;
	int saved = errno;
	fs_cm.destroy_event_channel(channel);
	errno = saved;
	return NULL;
}

void fs_channel_free(struct rdma_event_channel *channel)
{
	fs_cm.destroy_event_channel(channel);
}

const char *fs_event_name(int type)
{
	return fs_cm.event_str((enum rdma_cm_event_type)type);
}

// let_go closes the files of a removed device that librdmacm has open. It keeps
// its context until it next looks for devices and finds another; where a driver
// cannot be parted from those who use it (rxe of Linux 6.12), the removal would
// wait for that, and nothing comes back before it has ended. The context stays as
// it is, over files that lead nowhere.
static void let_go(struct ibv_context *context)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup3(null, context->cmd_fd, O_CLOEXEC);
	dup3(null, context->async_fd, O_CLOEXEC);
	close(null);
}

int fs_next_event(struct rdma_event_channel *channel, struct fs_event *event)
{
	struct rdma_cm_event *e;
	if (fs_cm.get_cm_event(channel, &e))
		return failed();
	const struct rdma_conn_param *param = &e->param.conn;
	event->type = e->event;
	event->status = e->status;
	event->id = e->id;
	event->reads = param->initiator_depth;
	event->serves = param->responder_resources;
	event->length = param->private_data ? param->private_data_len : 0;
	if (event->length)
		memcpy(event->data, param->private_data, event->length);
	if (event->type == RDMA_CM_EVENT_DEVICE_REMOVAL && event->id->verbs)
		let_go(event->id->verbs);
	fs_cm.ack_cm_event(e);
	return 0;
}

int fs_id_new(struct rdma_event_channel *channel, struct rdma_cm_id **id)
{
	return fs_cm.create_id(channel, id, NULL, RDMA_PS_TCP) ? failed() : 0;
}

void fs_id_free(struct rdma_cm_id *id)
{
	fs_cm.destroy_id(id);
}

const char *fs_id_device(struct rdma_cm_id *id)
{
	return id->verbs ? id->verbs->device->name : NULL;
}

int fs_resolve(struct rdma_cm_id *id, struct sockaddr *from, struct sockaddr *to, int timeout_ms, uint8_t ack_timeout)
{
	if (fs_cm.resolve_addr(id, from, to, timeout_ms))
		return failed();
	// iWARP has no such timeout, and old kernels no such option.
	fs_cm.set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &ack_timeout, sizeof ack_timeout);
	return 0;
}

int fs_route(struct rdma_cm_id *id, int timeout_ms)
{
	return fs_cm.resolve_route(id, timeout_ms) ? failed() : 0;
}

int fs_connect(struct rdma_cm_id *id, uint32_t qpn, uint8_t reads, const void *data, uint8_t length)
{
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = length,
		.initiator_depth = reads,
		.responder_resources = 1, // the peer reads nothing; some adapters refuse 0
		.retry_count = RETRIES,
		.rnr_retry_count = RETRIES,
		.qp_num = qpn,
	};
	return fs_cm.connect(id, &param) ? failed() : 0;
}

int fs_establish(struct rdma_cm_id *id)
{
	return fs_cm.establish(id) ? failed() : 0;
}

int fs_accept(struct rdma_cm_id *id, uint32_t qpn, uint8_t serves, const void *data, uint8_t length)
{
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = length,
		.initiator_depth = 1,
		.responder_resources = serves,
		.rnr_retry_count = RETRIES,
		.qp_num = qpn,
	};
	return fs_cm.accept(id, &param) ? failed() : 0;
}

void fs_reject(struct rdma_cm_id *id, const void *data, uint8_t length)
{
	fs_cm.reject(id, data, length);
}

void fs_disconnect(struct rdma_cm_id *id)
{
	fs_cm.disconnect(id);
}

int fs_port(struct rdma_cm_id *id)
{
	return ntohs(fs_cm.get_src_port(id));
}

int fs_bind_like(struct rdma_cm_id *id, struct rdma_cm_id *other)
{
	struct sockaddr_storage address;
	struct sockaddr *from = rdma_get_local_addr(other);
	size_t size = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	memcpy(&address, from, size);
	if (from->sa_family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = 0;
	else
		((struct sockaddr_in *)&address)->sin_port = 0;
	return fs_cm.bind_addr(id, (struct sockaddr *)&address) ? failed() : 0;
}

int fs_listen(struct rdma_cm_id *id, struct sockaddr *address, int backlog)
{
	if (fs_cm.bind_addr(id, address) || fs_cm.listen(id, backlog))
		return failed();
	return 0;
}

void fs_peer(struct rdma_cm_id *id, char *text, size_t size)
{
	struct sockaddr *peer = rdma_get_peer_addr(id);
	char host[INET6_ADDRSTRLEN];
	if (peer->sa_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)peer;
		snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &in->sin_addr, host, sizeof host), ntohs(in->sin_port));
	} else if (peer->sa_family == AF_INET6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)peer;
		snprintf(text, size, "[%s]:%u", inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host), ntohs(in->sin6_port));
	} else {
		snprintf(text, size, "?");
	}
}

// Connection management, with events as plain values.
#ifndef FARSWAP_RDMA_CM_H
#define FARSWAP_RDMA_CM_H

#include "lib.h"

// FS_PRIVATE is the most private data that an event can carry.
#define FS_PRIVATE 256

struct fs_event {
	int type;   // enum rdma_cm_event_type
	int status; // negative errno, or the reason of a rejection
	struct rdma_cm_id *id;
	uint8_t reads;  // initiator depth of the sender of the event
	uint8_t serves; // its responder resources
	uint32_t length;
	uint8_t data[FS_PRIVATE];
};

// fs_channel_new makes an event channel that does not block; NULL and errno.
struct rdma_event_channel *fs_channel_new(void);

// fs_channel_free ends a channel that has no ids any more.
void fs_channel_free(struct rdma_event_channel *channel);

// fs_event_name is the name of an enum rdma_cm_event_type.
const char *fs_event_name(int type);

// fs_next_event takes one event and acknowledges it: 0, or a negative errno,
// -EAGAIN when there is none. After RDMA_CM_EVENT_DEVICE_REMOVAL the id and all
// others of its device can only be freed.
int fs_next_event(struct rdma_event_channel *channel, struct fs_event *event);

// fs_id_new makes an id for a reliable connection.
int fs_id_new(struct rdma_event_channel *channel, struct rdma_cm_id **id);

void fs_id_free(struct rdma_cm_id *id);

// fs_id_device is the name of the id's RDMA device, NULL when it has none yet.
const char *fs_id_device(struct rdma_cm_id *id);

// fs_resolve begins to look for the way to to, from from if that is not NULL. The
// answer is an event.
int fs_resolve(struct rdma_cm_id *id, struct sockaddr *from, struct sockaddr *to, int timeout_ms, uint8_t ack_timeout);

int fs_route(struct rdma_cm_id *id, int timeout_ms);

// fs_connect asks for a connection for queue pair qpn. reads is the number of
// READs that the queue pair would have outstanding.
int fs_connect(struct rdma_cm_id *id, uint32_t qpn, uint8_t reads, const void *data, uint8_t length);

int fs_establish(struct rdma_cm_id *id);

// fs_accept agrees to a connection for queue pair qpn, which serves so many READs.
int fs_accept(struct rdma_cm_id *id, uint32_t qpn, uint8_t serves, const void *data, uint8_t length);

// fs_reject refuses a connection, with a reason.
void fs_reject(struct rdma_cm_id *id, const void *data, uint8_t length);

// fs_disconnect tells the peer that the connection ends.
void fs_disconnect(struct rdma_cm_id *id);

// fs_port is the local port.
int fs_port(struct rdma_cm_id *id);

// fs_bind_like binds the id to the address that another has, and to a free port.
int fs_bind_like(struct rdma_cm_id *id, struct rdma_cm_id *other);

// fs_listen binds the id and listens.
int fs_listen(struct rdma_cm_id *id, struct sockaddr *address, int backlog);

// fs_peer writes the peer's address as text, "?" when it has none.
void fs_peer(struct rdma_cm_id *id, char *text, size_t size);

#endif

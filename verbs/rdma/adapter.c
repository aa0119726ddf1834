#include "adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int failed(void)
{
	return errno ? -errno : -EIO;
}

int fs_adapter_count(void)
{
	int n = 0;
	struct ibv_device **list = fs_ibv.get_device_list(&n);
	if (!list)
		return failed();
	fs_ibv.free_device_list(list);
	return n;
}

static int has_active_port(struct ibv_context *context, int ports)
{
	for (int port = 1; port <= ports; port++) {
		struct ibv_port_attr attr;
		memset(&attr, 0, sizeof attr); // the library may know fewer fields
		if (fs_ibv.query_port(context, (uint8_t)port, (struct _compat_ibv_port_attr *)&attr) == 0 && attr.state == IBV_PORT_ACTIVE)
			return 1;
	}
	return 0;
}

static uint8_t depth(int limit)
{
	return (uint8_t)(limit < 0 ? 0 : limit > 255 ? 255 : limit);
}

// try_open opens device if it is the wanted one.
static int try_open(struct fs_adapter *a, struct ibv_device *device, const char *name)
{
	if (name[0] && strcmp(device->name, name) != 0)
		return -ENODEV;
	struct ibv_context *context = fs_ibv.open_device(device);
	if (!context)
		return failed();
	struct ibv_device_attr attr;
	int err = -fs_ibv.query_device(context, &attr);
	if (!err && !name[0] && !has_active_port(context, attr.phys_port_cnt))
		err = -ENODEV;
	struct ibv_pd *pd = NULL;
	if (!err && !(pd = fs_ibv.alloc_pd(context)))
		err = failed();
	int flags = fcntl(context->async_fd, F_GETFL);
	if (!err && (flags < 0 || fcntl(context->async_fd, F_SETFL, flags | O_NONBLOCK) < 0))
		err = failed();
	if (err) {
		if (pd)
			fs_ibv.dealloc_pd(pd);
		fs_ibv.close_device(context);
		return err;
	}
	*a = (struct fs_adapter){
		.context = context,
		.pd = pd,
		.reads = depth(attr.max_qp_init_rd_atom),
		.serves = depth(attr.max_qp_rd_atom),
		.iwarp = device->transport_type == IBV_TRANSPORT_IWARP,
	};
	snprintf(a->name, sizeof a->name, "%s", device->name);
	return 0;
}

int fs_adapter_open(struct fs_adapter *a, const char *name)
{
	int n = 0, err = -ENODEV;
	struct ibv_device **list = fs_ibv.get_device_list(&n);
	if (!list)
		return failed();
	for (int i = 0; i < n && err; i++) {
		int e = try_open(a, list[i], name);
		if (e != -ENODEV)
			err = e;
	}
	fs_ibv.free_device_list(list);
	return err;
}

void fs_adapter_close(struct fs_adapter *a)
{
	fs_ibv.dealloc_pd(a->pd);
	fs_ibv.close_device(a->context);
	*a = (struct fs_adapter){ 0 };
}

struct ibv_mr *fs_mr_new(struct fs_adapter *a, void *memory, size_t length, uint64_t iova, int local)
{
	int access = IBV_ACCESS_LOCAL_WRITE;
	if (!local)
		access |= IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
	else if (a->iwarp) // its READ is answered by a write of the peer (RFC 5040)
		access |= IBV_ACCESS_REMOTE_WRITE;
	return fs_ibv.reg_mr_iova(a->pd, memory, length, iova, access);
}

int fs_mr_free(struct ibv_mr *mr)
{
	return -fs_ibv.dereg_mr(mr);
}

int fs_next_async(struct ibv_context *context)
{
	struct ibv_async_event event;
	if (fs_ibv.get_async_event(context, &event))
		return failed();
	int type = event.event_type;
	fs_ibv.ack_async_event(&event);
	return type;
}

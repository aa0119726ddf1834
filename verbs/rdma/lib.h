// The RDMA libraries, loaded at run time: a machine without them runs the same
// binary. Fast-path verbs (post, poll, arm) are inline functions of the headers
// over pointers that the provider fills in, and need no symbol.
#ifndef FARSWAP_RDMA_LIB_H
#define FARSWAP_RDMA_LIB_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

// X(prefix, name, result, arguments) for each function that is looked up.
#define FS_IBVERBS(X) \
	X(ibv_, get_device_list, struct ibv_device **, (int *)) \
	X(ibv_, free_device_list, void, (struct ibv_device **)) \
	X(ibv_, open_device, struct ibv_context *, (struct ibv_device *)) \
	X(ibv_, close_device, int, (struct ibv_context *)) \
	X(ibv_, get_async_event, int, (struct ibv_context *, struct ibv_async_event *)) \
	X(ibv_, ack_async_event, void, (struct ibv_async_event *)) \
	X(ibv_, query_device, int, (struct ibv_context *, struct ibv_device_attr *)) \
	X(ibv_, query_port, int, (struct ibv_context *, uint8_t, struct _compat_ibv_port_attr *)) \
	X(ibv_, alloc_pd, struct ibv_pd *, (struct ibv_context *)) \
	X(ibv_, dealloc_pd, int, (struct ibv_pd *)) \
	X(ibv_, reg_mr_iova, struct ibv_mr *, (struct ibv_pd *, void *, size_t, uint64_t, int)) \
	X(ibv_, dereg_mr, int, (struct ibv_mr *)) \
	X(ibv_, create_comp_channel, struct ibv_comp_channel *, (struct ibv_context *)) \
	X(ibv_, destroy_comp_channel, int, (struct ibv_comp_channel *)) \
	X(ibv_, create_cq, struct ibv_cq *, (struct ibv_context *, int, void *, struct ibv_comp_channel *, int)) \
	X(ibv_, destroy_cq, int, (struct ibv_cq *)) \
	X(ibv_, get_cq_event, int, (struct ibv_comp_channel *, struct ibv_cq **, void **)) \
	X(ibv_, ack_cq_events, void, (struct ibv_cq *, unsigned int)) \
	X(ibv_, create_qp, struct ibv_qp *, (struct ibv_pd *, struct ibv_qp_init_attr *)) \
	X(ibv_, query_qp, int, (struct ibv_qp *, struct ibv_qp_attr *, int, struct ibv_qp_init_attr *)) \
	X(ibv_, modify_qp, int, (struct ibv_qp *, struct ibv_qp_attr *, int)) \
	X(ibv_, destroy_qp, int, (struct ibv_qp *)) \
	X(ibv_, wc_status_str, const char *, (enum ibv_wc_status))

#define FS_RDMACM(X) \
	X(rdma_, create_event_channel, struct rdma_event_channel *, (void)) \
	X(rdma_, destroy_event_channel, void, (struct rdma_event_channel *)) \
	X(rdma_, create_id, int, (struct rdma_event_channel *, struct rdma_cm_id **, void *, enum rdma_port_space)) \
	X(rdma_, destroy_id, int, (struct rdma_cm_id *)) \
	X(rdma_, bind_addr, int, (struct rdma_cm_id *, struct sockaddr *)) \
	X(rdma_, listen, int, (struct rdma_cm_id *, int)) \
	X(rdma_, get_src_port, __be16, (struct rdma_cm_id *)) \
	X(rdma_, resolve_addr, int, (struct rdma_cm_id *, struct sockaddr *, struct sockaddr *, int)) \
	X(rdma_, resolve_route, int, (struct rdma_cm_id *, int)) \
	X(rdma_, set_option, int, (struct rdma_cm_id *, int, int, void *, size_t)) \
	X(rdma_, init_qp_attr, int, (struct rdma_cm_id *, struct ibv_qp_attr *, int *)) \
	X(rdma_, connect, int, (struct rdma_cm_id *, struct rdma_conn_param *)) \
	X(rdma_, establish, int, (struct rdma_cm_id *)) \
	X(rdma_, accept, int, (struct rdma_cm_id *, struct rdma_conn_param *)) \
	X(rdma_, reject, int, (struct rdma_cm_id *, const void *, uint8_t)) \
	X(rdma_, disconnect, int, (struct rdma_cm_id *)) \
	X(rdma_, get_cm_event, int, (struct rdma_event_channel *, struct rdma_cm_event **)) \
	X(rdma_, ack_cm_event, int, (struct rdma_cm_event *)) \
	X(rdma_, event_str, const char *, (enum rdma_cm_event_type))

// fs_ibv and fs_cm hold the functions once fs_load has succeeded.
#define FS_FIELD(prefix, name, result, arguments) result(*name) arguments;
struct fs_ibv { FS_IBVERBS(FS_FIELD) };
struct fs_cm { FS_RDMACM(FS_FIELD) };
#undef FS_FIELD
extern struct fs_ibv fs_ibv;
extern struct fs_cm fs_cm;

// fs_load loads the libraries. It returns 0, or -1 and writes a line to why that
// says what is missing. Call it once.
int fs_load(char *why, size_t size);

#endif

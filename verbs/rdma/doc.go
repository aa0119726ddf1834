// Package rdma implements verbs over RDMA.
package rdma

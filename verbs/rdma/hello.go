package rdma

import "github.com/farswap/farswap/verbs/internal/handshake"

// format is that of the connection manager's private data: a claim in the request, and a
// verdict in the answer.
var format = handshake.RDMA

// noServer is the nonce of a server: there is no message before the request in which it
// could choose one. So that no request is taken twice, the server remembers the generation of
// each place, and the nonces of requests without a place.
var noServer handshake.Nonce

// Package handshake has the messages with which a device and a server begin a connection:
// the claim of the device, which says who it is and which connection of which place this
// is, and the verdict of the server.
//
// Both transports send the same in formats of their own, [TCP] and [RDMA]. All numbers are
// little-endian:
//
//	greeting  magic u32 · version u16 · zero u16 · server's nonce
//	claim     magic u32 · version u16 · depth u16 · session u64 · generation u64 · place u32 · padding · device's nonce · mac
//	verdict   magic u32 · version u16 · status u16 · mac
//
// The macs are HMAC-SHA256, cut to the format's length, under the session's secret. They are
// over a label, the nonces, and the fields of the message before these: each side proves
// that it knows the secret, for this connection only. A refusal carries no mac.
//
// A format without a greeting has no nonce of the server. Then the server has to remember
// which claims it has seen.
package handshake

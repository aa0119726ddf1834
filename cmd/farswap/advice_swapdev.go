package main

import (
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/swapdev/lenders"
)

var swapdevAdvice = []advice{
	{swapdev.ErrNoDonorNamed, "give --donor HOST:PORT, once for each, or --join a cluster"},
	{swapdev.ErrNoBackingFile, "give --backing PATH, or --backing none with --accept-loss"},
	{swapdev.ErrLoss, "say --accept-loss, or give --backing PATH"},
	{swapdev.ErrOneCopy, "--ack strict needs --backing PATH"},
	{swapdev.ErrNoIdentity, "give --cert FOLDER (see `farswap cert issue`), or --insecure for loopback addresses"},
	{swapdev.ErrProbes, "--probes auto does without them"},
	{lenders.ErrTransport, "--transport auto uses TCP where there is no RDMA"},
	{lenders.ErrNoTransport, "give the donor or the device another --transport"},
	{lenders.ErrNoRoom, "give the donor more --memory or this device a larger quota (--allow), or the device a smaller --slab"},
	{lenders.ErrSameName, "list each donor under one address, and give each donor a --name of its own"},
	{lenders.ErrEmptyCluster, "start a donor that joins the cluster, or name one with --donor"},
}

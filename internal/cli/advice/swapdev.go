package advice

import (
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/swapdev/lenders"
)

var swapdevAdvice = []advice{
	{about: swapdev.ErrNoDonorNamed, say: "give --donor HOST:PORT, once for each, or --join a cluster"},
	{about: swapdev.ErrNoBackingFile, say: "give --backing PATH, or --backing none with --accept-loss"},
	{about: swapdev.ErrFull, say: "free that much, give a smaller --size, or say --sparse to meet a full disk later"},
	{about: swapdev.ErrContent, say: "give another --backing, or say --overwrite to lose that"},
	{about: swapdev.ErrLoss, say: "say --accept-loss, or give --backing PATH"},
	{about: swapdev.ErrOneCopy, say: "--ack strict needs --backing PATH"},
	{about: swapdev.ErrNoIdentity, say: "give --cert FOLDER (see `farswap cert issue`), or --insecure for loopback addresses"},
	{about: swapdev.ErrNotKept, say: "`farswap ublk list` says what helps it"},
	{about: swapdev.ErrProbes, say: "--probes on insists on them, --probes auto does without"},
	{about: lenders.ErrTransport, say: "--transport auto uses TCP where there is no RDMA"},
	{about: lenders.ErrNoTransport, say: "give the donor or the device another --transport"},
	{about: lenders.ErrNoRoom, say: "give the donor more --memory or this device a larger quota (--allow), or the device a smaller --slab"},
	{about: lenders.ErrSameName, say: "list each donor under one address, and give each donor a --name of its own"},
	{about: lenders.ErrEmptyCluster, say: "start a donor that joins the cluster, or name one with --donor"},
}

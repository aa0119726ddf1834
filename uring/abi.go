package uring

// Setup flags, linux/io_uring.h (IORING_SETUP_*), with the kernel that brought
// them.
const (
	setupCQSize       = 1 << 3  // 5.5
	setupClamp        = 1 << 4  // 5.6
	setupSubmitAll    = 1 << 7  // 5.18
	setupCoopTaskrun  = 1 << 8  // 5.19
	setupSQE128       = 1 << 10 // 5.19
	setupSingleIssuer = 1 << 12 // 6.0
	setupDeferTaskrun = 1 << 13 // 6.1
	setupNoSQArray    = 1 << 16 // 6.6
)

// io_uring_enter flags (IORING_ENTER_*).
const (
	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3 // 5.11
)

const (
	featSingleMmap = 1 << 0 // IORING_FEAT_SINGLE_MMAP, 5.4
	featExtArg     = 1 << 8 // IORING_FEAT_EXT_ARG, 5.11
)

// mmap offsets of the ring's parts (IORING_OFF_*).
const (
	offSQRing = 0
	offSQEs   = 0x10000000
)

// io_uring_register opcodes (IORING_REGISTER_*).
const (
	registerBuffers     = 0
	registerFiles       = 2
	registerFilesUpdate = 6
)

// Operations (IORING_OP_*).
const (
	opNop           = 0
	opReadv         = 1
	opWritev        = 2
	opFsync         = 3
	opReadFixed     = 4
	opWriteFixed    = 5
	opPollAdd       = 6
	opPollRemove    = 7
	opSendMsg       = 9
	opRecvMsg       = 10
	opTimeout       = 11
	opTimeoutRemove = 12
	opAsyncCancel   = 14
	opLinkTimeout   = 15
	opFallocate     = 17
	opRead          = 22
	opWrite         = 23
	opSend          = 26
	opRecv          = 27
	opMsgRing       = 40 // 5.18
	opURingCmd      = 46 // 5.19
	opFutexWake     = 52 // 6.7
)

// SQE flags (IOSQE_*), for SQE.Flags.
const (
	FixedFile        = 1 << 0 // fd is an index into the registered files
	Link             = 1 << 2 // the next SQE starts when this one succeeds
	HardLink         = 1 << 3 // the next SQE starts when this one ends
	SkipCQEOnSuccess = 1 << 6 // no CQE when it succeeds (5.17)
)

// CQE flags (IORING_CQE_F_*).
const (
	FlagMore = 1 << 1 // more CQEs of this SQE will come
)

// IO priority flags of send and receive (IORING_RECVSEND_*), for SQE.IOPrio.
const (
	PollFirst = 1 << 0 // wait for readiness before the first try (5.19)
)

// Cancel flags (IORING_ASYNC_CANCEL_*).
const (
	CancelAll = 1 << 0 // every match, not just the first (5.19)
	CancelFD  = 1 << 1 // match by file (5.19)
	CancelAny = 1 << 2 // match everything (5.19)
)

const (
	pollAddMulti  = 1 << 0    // IORING_POLL_ADD_MULTI
	fsyncDatasync = 1 << 0    // IORING_FSYNC_DATASYNC
	cqeSize       = 16        // sizeof(struct io_uring_cqe)
	sqeSize       = 64        // sizeof(struct io_uring_sqe)
	msgRingData   = 0         // IORING_MSG_DATA
	futexSize32   = 2         // FUTEX2_SIZE_U32
	futexAnyone   = 1<<32 - 1 // FUTEX_BITSET_MATCH_ANY
	maxEntries    = 32768     // IORING_MAX_ENTRIES
	classShift    = 56
	idMask        = 1<<classShift - 1
)

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries uint32
	flags                uint32
	sqThreadCPU          uint32
	sqThreadIdle         uint32
	features             uint32
	wqFD                 uint32
	_                    [3]uint32
	sq                   sqOffsets
	cq                   cqOffsets
}

// sqOffsets is struct io_sqring_offsets.
type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

// cqOffsets is struct io_cqring_offsets.
type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags, _ uint32
	_                                                   uint64
}

// CQE is struct io_uring_cqe: the result of one operation. Res is the
// operation's return value, or a negated errno.
type CQE struct {
	UserData uint64
	Res      int32
	Flags    uint32
}

// Timespec is struct __kernel_timespec.
type Timespec struct{ Sec, Nsec int64 }

// getEventsArg is struct io_uring_getevents_arg.
type getEventsArg struct {
	sigmask   uint64
	sigmaskSz uint32
	_         uint32
	ts        uint64
}

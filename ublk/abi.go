package ublk

// Paths of the driver.
const (
	controlPath = "/dev/ublk-control"
	charPrefix  = "/dev/ublkc"
	blockPrefix = "/dev/ublkb"
)

// Limits of the driver.
const (
	MaxQueueDepth = 4096     // UBLK_MAX_QUEUE_DEPTH
	MaxQueues     = 4096     // UBLK_MAX_NR_QUEUES; the driver also caps at the number of CPUs
	MaxIOBytes    = 32 << 20 // UBLK_IO_BUF_BITS allows 32 MiB for one request
)

// SectorSize is the unit of the driver's offsets and lengths, in bytes.
const SectorSize = 512

// Directions of ioctl-encoded commands, asm-generic/ioctl.h.
const (
	iocWrite = 1
	iocRead  = 2
)

// command encodes a command as _IOC(dir, 'u', nr, size) does.
func command(dir, nr, size uint32) uint32 { return dir<<30 | size<<16 | 'u'<<8 | nr }

const (
	ctrlCmdSize = 32 // sizeof(struct ublksrv_ctrl_cmd)
	devInfoSize = 64 // sizeof(struct ublksrv_ctrl_dev_info)
	ioCmdSize   = 16 // sizeof(struct ublksrv_io_cmd)
	ioDescSize  = 24 // sizeof(struct ublksrv_io_desc)
)

// Control commands (UBLK_U_CMD_*).
var (
	cmdGetAffinity = command(iocRead, 0x01, ctrlCmdSize)
	cmdAdd         = command(iocRead|iocWrite, 0x04, ctrlCmdSize)
	cmdDelete      = command(iocRead|iocWrite, 0x05, ctrlCmdSize)
	cmdStart       = command(iocRead|iocWrite, 0x06, ctrlCmdSize)
	cmdStop        = command(iocRead|iocWrite, 0x07, ctrlCmdSize)
	cmdSetParams   = command(iocRead|iocWrite, 0x08, ctrlCmdSize)
	cmdGetParams   = command(iocRead, 0x09, ctrlCmdSize)
	cmdGetInfo     = command(iocRead, 0x02, ctrlCmdSize)
	cmdGetFeatures = command(iocRead, 0x13, ctrlCmdSize)

	cmdStartRecovery = command(iocRead|iocWrite, 0x10, ctrlCmdSize)
	cmdEndRecovery   = command(iocRead|iocWrite, 0x11, ctrlCmdSize)
	cmdQuiesce       = command(iocRead|iocWrite, 0x16, ctrlCmdSize)
)

// I/O commands (UBLK_U_IO_*).
var (
	ioFetch          = command(iocRead|iocWrite, 0x20, ioCmdSize)
	ioCommitAndFetch = command(iocRead|iocWrite, 0x21, ioCmdSize)
)

// Parameter groups (UBLK_PARAM_TYPE_*) and attributes (UBLK_ATTR_*).
const (
	paramBasic   = 1 << 0
	paramDiscard = 1 << 1

	attrRotational    = 1 << 1
	attrVolatileCache = 1 << 2
)

// State is what the driver says of a device (UBLK_S_DEV_*).
type State uint16

// States of a device.
const (
	StateDead     State = 0 // added, not started, or stopped
	StateLive     State = 1
	StateQuiesced State = 2 // its server is gone, I/O waits
	StateFailIO   State = 3
)

func (s State) String() string {
	switch s {
	case StateDead:
		return "dead"
	case StateLive:
		return "live"
	case StateQuiesced:
		return "quiesced"
	case StateFailIO:
		return "failing"
	}
	return "unknown"
}

// ctrlCmd is struct ublksrv_ctrl_cmd.
type ctrlCmd struct {
	devID      uint32
	queueID    uint16
	len        uint16
	addr       uint64
	data       uint64
	devPathLen uint16
	_          uint16
	_          uint32
}

// DevInfo is struct ublksrv_ctrl_dev_info: the shape of a device as granted.
type DevInfo struct {
	Queues     uint16
	Depth      uint16
	State      State
	ioDescSize uint16
	MaxIO      uint32 // bytes
	ID         uint32
	ServerPID  int32
	_          uint32
	Flags      Flags
	_          uint64
	OwnerUID   uint32
	OwnerGID   uint32
	_          [2]uint64
}

// params is the beginning of struct ublk_params: groups basic and discard.
type params struct {
	len   uint32
	types uint32
	basic struct {
		attrs            uint32
		logicalShift     uint8
		physicalShift    uint8
		ioOptShift       uint8
		ioMinShift       uint8
		maxSectors       uint32
		chunkSectors     uint32
		devSectors       uint64
		virtBoundaryMask uint64
	}
	discard struct {
		alignment      uint32
		granularity    uint32
		maxSectors     uint32
		maxWriteZeroes uint32
		maxSegments    uint16
		_              uint16
	}
}

// ioCmd is struct ublksrv_io_cmd.
type ioCmd struct {
	queueID uint16
	tag     uint16
	result  int32
	addr    uint64
}

package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SQE is struct io_uring_sqe, one operation to submit. Use the methods to fill
// it in; each leaves user_data and Flags alone. Field names are the kernel's.
type SQE struct {
	opcode   uint8
	Flags    uint8
	IOPrio   uint16
	fd       int32
	off      uint64 // also addr2, cmd_op
	addr     uint64
	len      uint32
	opFlags  uint32 // rw_flags, msg_flags, poll32_events, …
	userData uint64
	bufIndex uint16
	_        uint16
	fileIdx  int32
	addr3    uint64 // the command area of uring_cmd begins here
	_        uint64
}

func (s *SQE) prep(op uint8, fd int32, addr uint64, n uint32, off uint64) {
	s.opcode, s.fd, s.addr, s.len, s.off = op, fd, addr, n, off
}

func address(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }

// SetUserData replaces the user_data that Loop.SQE or Ring.SQE gave.
func (s *SQE) SetUserData(u uint64) { s.userData = u }

// Nop completes at once with result 0.
func (s *SQE) Nop() { s.prep(opNop, -1, 0, 0, 0) }

// Read reads n bytes at offset off into p.
func (s *SQE) Read(fd int32, p unsafe.Pointer, n uint32, off uint64) {
	s.prep(opRead, fd, address(p), n, off)
}

// Write writes n bytes from p at offset off.
func (s *SQE) Write(fd int32, p unsafe.Pointer, n uint32, off uint64) {
	s.prep(opWrite, fd, address(p), n, off)
}

// ReadFixed is Read into memory within registered buffer buf.
func (s *SQE) ReadFixed(fd int32, p unsafe.Pointer, n uint32, off uint64, buf uint16) {
	s.prep(opReadFixed, fd, address(p), n, off)
	s.bufIndex = buf
}

// WriteFixed is Write from memory within registered buffer buf.
func (s *SQE) WriteFixed(fd int32, p unsafe.Pointer, n uint32, off uint64, buf uint16) {
	s.prep(opWriteFixed, fd, address(p), n, off)
	s.bufIndex = buf
}

// Readv scatters a read at offset off over n iovecs.
func (s *SQE) Readv(fd int32, iov *unix.Iovec, n uint32, off uint64) {
	s.prep(opReadv, fd, address(unsafe.Pointer(iov)), n, off)
}

// Writev gathers a write at offset off from n iovecs.
func (s *SQE) Writev(fd int32, iov *unix.Iovec, n uint32, off uint64) {
	s.prep(opWritev, fd, address(unsafe.Pointer(iov)), n, off)
}

// Fsync flushes a file; with datasync only what reading its data needs.
func (s *SQE) Fsync(fd int32, datasync bool) {
	s.prep(opFsync, fd, 0, 0, 0)
	if datasync {
		s.opFlags = fsyncDatasync
	}
}

// Fallocate is fallocate(2) with the given mode on n bytes at off.
func (s *SQE) Fallocate(fd int32, mode uint32, off, n uint64) {
	s.prep(opFallocate, fd, n, mode, off)
}

// Send is send(2).
func (s *SQE) Send(fd int32, p unsafe.Pointer, n, flags uint32) {
	s.prep(opSend, fd, address(p), n, 0)
	s.opFlags = flags
}

// Recv is recv(2).
func (s *SQE) Recv(fd int32, p unsafe.Pointer, n, flags uint32) {
	s.prep(opRecv, fd, address(p), n, 0)
	s.opFlags = flags
}

// SendMsg is sendmsg(2).
func (s *SQE) SendMsg(fd int32, msg *unix.Msghdr, flags uint32) {
	s.prep(opSendMsg, fd, address(unsafe.Pointer(msg)), 1, 0)
	s.opFlags = flags
}

// RecvMsg is recvmsg(2).
func (s *SQE) RecvMsg(fd int32, msg *unix.Msghdr, flags uint32) {
	s.prep(opRecvMsg, fd, address(unsafe.Pointer(msg)), 1, 0)
	s.opFlags = flags
}

// PollAdd waits for the poll(2) events in mask; with multishot it completes at
// each of them, with FlagMore while it stays armed.
func (s *SQE) PollAdd(fd int32, mask uint32, multishot bool) {
	s.prep(opPollAdd, fd, 0, 0, 0)
	s.opFlags = mask
	if multishot {
		s.len = pollAddMulti
	}
}

// PollRemove ends the poll whose user_data is u.
func (s *SQE) PollRemove(u uint64) { s.prep(opPollRemove, -1, u, 0, 0) }

// Timeout completes after ts (result -ETIME) or, when count is not 0, after
// count other completions.
func (s *SQE) Timeout(ts *Timespec, count, flags uint32) {
	s.prep(opTimeout, -1, address(unsafe.Pointer(ts)), 1, uint64(count))
	s.opFlags = flags
}

// TimeoutRemove ends the timeout whose user_data is u.
func (s *SQE) TimeoutRemove(u uint64) {
	s.prep(opTimeoutRemove, -1, u, 0, 0)
}

// LinkTimeout bounds the operation of the SQE before it, which has the Link
// flag.
func (s *SQE) LinkTimeout(ts *Timespec) { s.prep(opLinkTimeout, -1, address(unsafe.Pointer(ts)), 1, 0) }

// Cancel asks the kernel to end the operation whose user_data is u.
func (s *SQE) Cancel(u uint64, flags uint32) {
	s.prep(opAsyncCancel, -1, u, 0, 0)
	s.opFlags = flags
}

// CancelFile asks the kernel to end every operation on fd.
func (s *SQE) CancelFile(fd int32) {
	s.prep(opAsyncCancel, fd, 0, 0, 0)
	s.opFlags = CancelFD | CancelAll
}

// MsgRing posts a CQE with user_data data and result res to the ring whose file
// is fd.
func (s *SQE) MsgRing(fd int32, res uint32, data uint64) {
	s.prep(opMsgRing, fd, msgRingData, res, data)
}

// FutexWake wakes up to n threads that wait at the 32-bit word at p, as futex(2) does, and
// completes with how many it has woken. The word may be in memory that processes share; whoever
// waits uses no private futex. Before Linux 6.7 it completes with -EINVAL.
func (s *SQE) FutexWake(p unsafe.Pointer, n uint32) {
	s.prep(opFutexWake, futexSize32, address(p), 0, uint64(n))
	s.addr3 = futexAnyone
}

// Cmd is uring_cmd: a command defined by the driver of fd. It returns the
// command area: 16 bytes in a 64-byte SQE, all 80 in a 128-byte one.
func (s *SQE) Cmd(fd int32, op uint32) *[80]byte {
	s.prep(opURingCmd, fd, 0, 0, uint64(op))
	return (*[80]byte)(unsafe.Pointer(&s.addr3))
}

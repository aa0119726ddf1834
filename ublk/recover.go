package ublk

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const recoveryMask = FlagUserRecovery | FlagUserRecoveryReissue | FlagRecoveryFailIO

// recoverPause is the time between two attempts to recover a device whose server is ending.
const recoverPause = 10 * time.Millisecond

// Recover takes over the device spec.ID, whose server is gone: its process has ended, or has
// called Leave. The device was added with a Recovery that keeps it, and spec has to be what it was
// added with, but for Spare, Scheduler and KeepProcs. Start then makes it take I/O again: what
// waited in the kernel comes to this server, and with RecoverReissue also what the old one had
// not answered, which it may have carried out or not.
//
// A server that has just been killed still holds the device for a moment; Recover waits for it.
// It fails with ErrInUse if the device has a server that lives, or another one takes it over; with
// ErrNoDevice; with ErrSpec if the device is another one than spec says; with ErrState if it does not
// outlive its server, or if that has ended while it started or stopped the device. After an error, also
// of Start, the device stays as it is, and can be recovered by another attempt.
func Recover(c *Control, spec Spec) (*Device, error) {
	spec = spec.WithDefaults()
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	info, err := c.Info(spec.ID)
	if err != nil {
		return nil, err
	}
	if err := recoverable(info, spec); err != nil {
		return nil, err
	}
	d := &Device{control: c, spec: spec, info: info, recovered: true, done: make(chan struct{}), told: make(chan Refusal, 16)}
	if err := d.checkShape("recover"); err != nil {
		return nil, err
	}
	if err := d.checkParams("recover"); err != nil {
		return nil, err
	}
	if err := d.startRecovery(); err != nil {
		return nil, err
	}
	if d.char, err = openSoon(d.CharPath()); err != nil {
		return nil, err
	}
	return d, nil
}

// recoverable is an error if another server cannot go on with a device, however long it waits.
func recoverable(info DevInfo, spec Spec) error {
	switch has, want := info.Flags&recoveryMask, recoveryFlags[spec.Recovery]; {
	case info.Flags&FlagUserRecovery == 0:
		return fmt.Errorf("recover device %d: it was added without recovery: %w", spec.ID, ErrState)
	case has != want:
		return fmt.Errorf("recover device %d: it has %v, want %v: %w", spec.ID, has, want, ErrSpec)
	case info.State == StateDead:
		return fmt.Errorf("recover device %d: its server ended before it had started the device, or after it had stopped it: delete the device: %w", spec.ID, ErrState)
	}
	return nil
}

// startRecovery waits for the end of the server before. That one may have been about to stop the device. The driver
// refuses to start a recovery (EINVAL) that has begun and whose server has ended before it fetched: it goes on with
// this one.
func (d *Device) startRecovery() error {
	for end := time.Now().Add(quickDeadline); ; time.Sleep(recoverPause) {
		err := d.control.startRecovery(d.ID())
		if err == nil {
			return nil
		}
		info, infoErr := d.control.Info(d.ID())
		switch {
		case infoErr != nil:
			return errors.Join(err, infoErr)
		case errors.Is(err, unix.EINVAL) && (info.State == StateQuiesced || info.State == StateFailIO):
			return nil
		}
		if err := recoverable(info, d.spec); err != nil {
			return err
		}
		if !errors.Is(err, ErrInUse) || time.Now().After(end) {
			return err
		}
	}
}

// takeOver makes the device go on with this server, whose queues fetch. After an error nothing of
// this server holds the device.
func (d *Device) takeOver() error {
	err := d.control.endRecovery(d.ID())
	if err == nil {
		return nil
	}
	for _, q := range d.queues {
		q.loop.Post(q.giveUp)
	}
	<-d.done
	return errors.Join(err, d.leave())
}

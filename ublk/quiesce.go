package ublk

import (
	"fmt"
	"time"
)

// Quiesce gives the device up for another server: the driver takes all tags back, each between two requests, and
// what comes later waits in the kernel. The queues end. Then Leave, or the end of this process, lets Recover go on
// with the device. The driver does it if it has FlagQuiesce and every request is answered within a time, of whole
// milliseconds; the error wraps ErrUnsupported if it has not. After an error the device goes on. Quiesce is of no
// need for what is safe: a server that ends without it is one that has died, and Recover brings its requests back.
func (d *Device) Quiesce(within time.Duration) error {
	if err := d.info.Flags.lacking(FlagQuiesce); err != nil {
		return fmt.Errorf("quiesce device %d: %w", d.ID(), err)
	}
	return d.control.quiesce(d.ID(), within)
}

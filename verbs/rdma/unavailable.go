//go:build !cgo

package rdma

import (
	"context"
	"fmt"

	"github.com/farswap/farswap/verbs"
)

func noCgo(what string) error {
	return fmt.Errorf("%s: %w: this program was built without cgo: build it with CGO_ENABLED=1, a C compiler, libibverbs-dev and librdmacm-dev", what, verbs.ErrUnavailable)
}

// Available says why RDMA cannot be used, nil if it can.
func Available() error { return noCgo("RDMA") }

// Device cannot be made by this build.
type Device struct{ verbs.Device }

// Open fails with verbs.ErrUnavailable in a build without cgo.
func Open(Config) (*Device, error) { return nil, noCgo("open the rdma transport") }

// Connect is never reached.
func (d *Device) Connect(context.Context, string, verbs.Credential, verbs.QPConfig) (verbs.Conn, error) {
	return nil, noCgo("connect")
}

// Server cannot be made by this build.
type Server struct{ verbs.Server }

// Listen fails with verbs.ErrUnavailable in a build without cgo.
func Listen(addr string, _ Config) (*Server, error) {
	return nil, noCgo("serve RDMA on " + addr)
}

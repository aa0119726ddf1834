package status

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// groupSearch lets the group of a folder look up names in it.
const groupSearch = 0o010

// protect gives the socket at path its mode. The folder's group may connect if it may look up names
// there. Others cannot connect before: the folder keeps them out.
func protect(path string) error {
	var folder unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &folder); err != nil {
		return err
	}
	if folder.Mode&groupSearch == 0 || folder.Mode&0o007 != 0 {
		return os.Chmod(path, 0o600)
	}
	if err := os.Chown(path, -1, int(folder.Gid)); err != nil {
		return err
	}
	return os.Chmod(path, 0o660)
}

// peerKey is the key under which a connection's context has the user at the other end.
type peerKey struct{}

// nobody is the user of a connection whose other end is unknown.
const nobody = ^uint32(0)

// withPeer notes who is at the other end of a connection (SO_PEERCRED).
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	uid := nobody
	if c, ok := conn.(*net.UnixConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
					uid = peer.Uid
				}
			})
		}
	}
	return context.WithValue(ctx, peerKey{}, uid)
}

// onlyOwnerChanges refuses requests that change something, but for those of root and of the server's
// own user.
func onlyOwnerChanges(h http.Handler) http.Handler {
	own := uint32(os.Geteuid())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uid, ok := r.Context().Value(peerKey{}).(uint32)
		if r.Method != http.MethodGet && (!ok || uid != 0 && uid != own) {
			http.Error(w, "only root and the server's user may do that", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrServing means that another server already answers on the socket.
var ErrServing = errors.New("a server already answers on this socket")

// ErrRefused means that the server would lose data if it stopped now.
var ErrRefused = errors.New("refused")

// ErrInvalid means that the request is wrong.
var ErrInvalid = errors.New("invalid request")

// Limits of one exchange on the local socket. Both sides are on one machine, and the server answers from
// memory, so a wait of seconds means that a side hangs.
const (
	requestTimeout = 5 * time.Second
	answerTimeout  = 10 * time.Second
	upgradeTimeout = 2 * time.Minute // of the one answer that waits for a new process
	maxHeader      = 8 << 10         // bytes
	maxBody        = 4 << 10         // bytes of a request
)

// Server answers on a local socket until it is closed.
type Server struct {
	http *http.Server
	done chan struct{}
	err  error // why serving ended; read after done is closed
}

// serve listens on a unix socket of mode 0600 at path and answers in goroutines of its own. Where a
// group may read the folder (see [Acquire]), the socket has mode 0660, and the group may ask and
// change nothing.
func serve(path string, handler http.Handler) (*Server, error) {
	if err := clearStale(path); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%d bytes, a socket's path holds at most 107): %w", path, len(path), err)
	}
	listener.SetUnlinkOnClose(false) // see Close
	if err := protect(path); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the socket: %w", err), listener.Close(), os.Remove(path))
	}
	s := &Server{
		done: make(chan struct{}),
		http: &http.Server{
			Handler:           onlyOwnerChanges(handler),
			ConnContext:       withPeer,
			ReadHeaderTimeout: requestTimeout,
			ReadTimeout:       requestTimeout,
			WriteTimeout:      answerTimeout,
			IdleTimeout:       requestTimeout,
			MaxHeaderBytes:    maxHeader,
		},
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(listener)
	}()
	return s, nil
}

// Close ends the server and waits a short time for answers under way. It leaves the
// socket's file to [Lock.Remove] or to the next server: a server may answer until its very
// end, and by then the folder can belong to the next one.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(err, s.err)
	}
	return err
}

// answerJSON sends v.
func answerJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that has left needs no answer
}

// answerDone reports that the work has begun, or why it has not.
func answerDone(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, ErrRefused):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, ErrInvalid):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// clearStale removes a socket at path that nobody listens on.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, requestTimeout)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%w: %s", ErrServing, path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("try the old socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	return nil
}

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ErrServing means that a server already answers on the socket.
var ErrServing = errors.New("a server already answers on this socket")

// ErrRefused means that the server would lose data by stopping now.
var ErrRefused = errors.New("refused")

// ErrInvalid means that what was asked for is wrong.
var ErrInvalid = errors.New("invalid request")

// Limits of one exchange on the local socket. Both sides are on one machine
// and the answer is made from memory, so seconds mean that a side hangs.
const (
	requestTimeout = 5 * time.Second
	answerTimeout  = 10 * time.Second
	maxHeader      = 8 << 10 // bytes
	maxBody        = 4 << 10 // bytes of a request
)

// Source is what a socket shows and does. Its functions are called from several
// goroutines at once.
type Source struct {
	// Status makes the answer to GET /status: a Device or a DonorDaemon.
	Status func() any
	// Stop starts a stop and returns without waiting for its end. An error
	// that wraps ErrRefused means that the server goes on because stopping
	// would lose data. The context ends with the request.
	Stop func(context.Context) error

	// Decisions are the last placements of a device's slab, oldest first; nil where
	// nothing is placed. An error that wraps ErrInvalid means that there is no such slab.
	Decisions func(slab int) ([]Decision, error)

	// Drain starts a donor's drain and returns without waiting for its end; nil
	// where there is nothing to drain. The donor ends when it is empty.
	Drain func(context.Context) error
	// Resize changes what a donor lends; nil where there is nothing to change. An
	// error that wraps ErrInvalid is about the request.
	Resize func(context.Context, DonorResize) error
}

// Server answers on a local socket until it is closed.
type Server struct {
	http *http.Server
	done chan struct{}
	err  error // why serving ended; read after done is closed
}

// Serve listens on a unix socket of mode 0600 at path and answers from src in
// goroutines of its own. A socket that a dead server left there is replaced;
// the error is ErrServing when somebody answers on it.
func Serve(path string, src Source) (*Server, error) {
	if err := clearStale(path); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%d bytes, a socket's path holds at most 107): %w", path, len(path), err)
	}
	listener.SetUnlinkOnClose(false) // see Close
	// The folder is 0700, so nobody else can connect before this.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect socket: %w", err), listener.Close(), os.Remove(path))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { answerStatus(w, r, src) })
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Stop(r.Context())) })
	if src.Decisions != nil {
		mux.HandleFunc("GET /decisions/{slab}", func(w http.ResponseWriter, r *http.Request) { answerDecisions(w, r, src) })
	}
	if src.Drain != nil {
		mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Drain(r.Context())) })
	}
	if src.Resize != nil {
		mux.HandleFunc("POST /resize", func(w http.ResponseWriter, r *http.Request) { answerDone(w, resize(w, r, src)) })
	}
	s := &Server{
		done: make(chan struct{}),
		http: &http.Server{
			Handler:           mux,
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

// Close ends the server and waits a short time for answers under way. The
// socket's file stays, for [Lock.Remove] or the next Serve: a server may answer
// until its very end, when the folder can already be the next one's.
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

// answerStatus leaves a device's slabs out for ?slabs=0.
func answerStatus(w http.ResponseWriter, r *http.Request, src Source) {
	answer := src.Status()
	if d, ok := answer.(Device); ok && r.FormValue("slabs") == "0" {
		d.Slabs = nil
		answer = d
	}
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that left needs no answer
}

// answerDecisions sends the decisions about a slab.
func answerDecisions(w http.ResponseWriter, r *http.Request, src Source) {
	slab, err := strconv.Atoi(r.PathValue("slab"))
	if err != nil {
		answerDone(w, fmt.Errorf("slab %q: %w: want a number", r.PathValue("slab"), ErrInvalid))
		return
	}
	decisions, err := src.Decisions(slab)
	if err != nil {
		answerDone(w, err)
		return
	}
	body, err := json.Marshal(list(decisions))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that left needs no answer
}

// resize reads a request to resize and carries it out.
func resize(w http.ResponseWriter, r *http.Request, src Source) error {
	var req DonorResize
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields() // a newer client must not believe that all was done
	if err := body.Decode(&req); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return src.Resize(r.Context(), req)
}

// answerDone says that what was asked for has begun, or why not.
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
		return fmt.Errorf("look at socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is in the way and is not a socket; remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, requestTimeout)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%w: %s", ErrServing, path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("try old socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old socket: %w", err)
	}
	return nil
}

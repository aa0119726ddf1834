package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"golang.org/x/sys/unix"
)

var (
	// ErrNoServer means that nobody answers on the socket: it does not exist, or its server is
	// gone.
	ErrNoServer = errors.New("no server answers")
	// ErrNoAnswer means that a server exists and does not answer in time.
	ErrNoAnswer = errors.New("the server does not answer in time")
	// ErrBadAnswer means that the answer does not come from a farswap server.
	ErrBadAnswer = errors.New("not the answer of a farswap server")
)

// maxAnswer bounds a status, in bytes. A device of 1 TiB in slabs of 4 MiB has a quarter of a million
// slabs, and its status takes less than half of this.
var maxAnswer int64 = 64 << 20 // tests set less

// Fetch asks the server of a device on the socket at path for its status. The
// errors are ErrNoServer, ErrNoAnswer, ErrBadAnswer, ErrNewer, or os.ErrPermission.
func Fetch(ctx context.Context, path string) (Device, error) {
	var d Device
	err := fetch(ctx, path, "/status", &d, &d.Schema)
	return d, err
}

// FetchSummary is Fetch without the slabs, for callers that ask often: the slabs of a large device are
// most of the answer and of its cost.
func FetchSummary(ctx context.Context, path string) (Device, error) {
	var d Device
	err := fetch(ctx, path, "/status?slabs=0", &d, &d.Schema)
	return d, err
}

// FetchDonor is Fetch for a donor's socket.
func FetchDonor(ctx context.Context, path string) (DonorDaemon, error) {
	var d DonorDaemon
	err := fetch(ctx, path, "/status", &d, &d.Schema)
	return d, err
}

// FetchDecisions asks the server of a device for the last decisions about a slab, oldest first. The errors
// are ErrInvalid with the server's reason, and those of [Fetch].
func FetchDecisions(ctx context.Context, path string, slab int) ([]Decision, error) {
	var d []Decision
	err := fetch(ctx, path, fmt.Sprintf("/decisions/%d", slab), &d, new(int))
	return d, err
}

// Stop asks the server on the socket at path to stop, and returns when the server has begun to. The errors
// are ErrRefused with the server's reason, and those of [Fetch].
func Stop(ctx context.Context, path string) error {
	_, err := exchange(ctx, path, http.MethodPost, "/stop", nil, http.StatusAccepted)
	return err
}

// Upgrade asks the server of a device or a donor on the socket at path to hand over to the program that is
// installed now. The server of a device answers when that one is ready, which takes up to two minutes, and is
// about to end; a donor answers when it has begun to. The errors are ErrRefused with the server's reason, and
// those of [Fetch]; then the server goes on.
func Upgrade(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, upgradeTimeout)
	defer cancel()
	_, err := exchangeWithin(ctx, path, http.MethodPost, "/upgrade", nil, http.StatusAccepted)
	return err
}

// Drain asks the donor on the socket at path to give all memory back and then to end. It returns when the
// donor has begun to. The errors are those of [Fetch].
func Drain(ctx context.Context, path string) error {
	_, err := exchange(ctx, path, http.MethodPost, "/drain", nil, http.StatusAccepted)
	return err
}

// Resize asks the donor on the socket at path to lend more or less from now on. The errors are ErrInvalid
// with the donor's reason, and those of [Fetch].
func Resize(ctx context.Context, path string, to DonorResize) error {
	body, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	_, err = exchange(ctx, path, http.MethodPost, "/resize", body, http.StatusAccepted)
	return err
}

// fetch decodes an answer into a value, of which schema is a part.
func fetch(ctx context.Context, path, url string, into any, schema *int) error {
	body, err := exchange(ctx, path, http.MethodGet, url, nil, http.StatusOK)
	if err != nil {
		return err
	}
	err = json.Unmarshal(body, into)
	// The number comes first in the answer, so that it is known even when the rest cannot be
	// decoded.
	if err := checkSchema(path, *schema); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBadAnswer, path, err)
	}
	return nil
}

// exchange makes one request on a new connection and returns the body of the answer. An answer with
// another code than want is an error.
func exchange(ctx context.Context, path, method, url string, request []byte, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return exchangeWithin(ctx, path, method, url, request, want)
}

// exchangeWithin is exchange for an answer that may take as long as the context lasts.
func exchangeWithin(ctx context.Context, path, method, url string, request []byte, want int) ([]byte, error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "http://farswap"+url, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, explain(path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, explain(path, err)
	}
	text := string(bytes.TrimSpace(body[:min(len(body), 1<<10)]))
	switch {
	case int64(len(body)) > maxAnswer:
		return nil, fmt.Errorf("%w: %s sent more than %d bytes", ErrBadAnswer, path, maxAnswer)
	case resp.StatusCode == want:
		return body, nil
	case resp.StatusCode == http.StatusConflict:
		return nil, &refusal{text, ErrRefused}
	case resp.StatusCode == http.StatusBadRequest:
		return nil, &refusal{text, ErrInvalid}
	case resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("server on %s: %s: %w", path, text, os.ErrPermission)
	case resp.StatusCode == http.StatusInternalServerError:
		return nil, fmt.Errorf("server on %s: %s", path, text)
	default:
		return nil, fmt.Errorf("%w: %s answered %s", ErrBadAnswer, path, resp.Status)
	}
}

// explain turns the error of a failed exchange into one that says what to do.
func explain(path string, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w on %s", ErrNoServer, path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("ask the server on %s as its user: %w", path, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w on %s", ErrNoAnswer, path)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w on %s: it ended during the request", ErrNoServer, path)
	default:
		return fmt.Errorf("%w: %s: %w", ErrBadAnswer, path, err)
	}
}

// refusal is ErrRefused or ErrInvalid with the text of the server.
type refusal struct {
	text string
	kind error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

package status

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// DeviceSource is what the socket of a device shows and does. The server calls its methods
// from several goroutines at once.
type DeviceSource interface {
	Status() Device
	// Stop starts a stop and returns without waiting for its end. An error that wraps
	// ErrRefused means that the device goes on, because stopping would lose data. The
	// context ends with the request.
	Stop(context.Context) error
	// Upgrade starts to hand the device over to a server of the program that is installed now,
	// and returns when that one is ready. An error that wraps ErrRefused means that nobody can
	// take it over.
	Upgrade(context.Context) error
	// Decisions returns the last placements of a slab, oldest first. An error that wraps
	// ErrInvalid means that the device has no such slab; a device without slabs returns it
	// for every number.
	Decisions(slab int) ([]Decision, error)
}

// DonorSource is what the socket of a donor shows and does. The server calls its methods
// from several goroutines at once.
type DonorSource interface {
	Status() DonorDaemon
	// Stop starts a stop and returns without waiting for its end. The context ends with
	// the request.
	Stop(context.Context) error
	// Drain starts a drain and returns without waiting for its end. The donor ends when it
	// lends nothing any more.
	Drain(context.Context) error
	// Resize changes how much the donor lends. An error that wraps ErrInvalid is about the
	// request.
	Resize(context.Context, DonorResize) error
	// Upgrade begins to hand the donor over to a new process, and returns without waiting for
	// its end: see DonorDaemon.Upgrade. An error that wraps ErrRefused means that it cannot
	// be done now.
	Upgrade(context.Context) error
}

// ServeDevice serves a device on a unix socket at path, in goroutines of its own. Root and the
// user of this process may use it, and the group of the state folder may ask for the status if
// there is one (see [Acquire]). It replaces a socket that a dead server left there. The error is
// ErrServing when a server already answers on the socket.
func ServeDevice(path string, src DeviceSource) (*Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		d := src.Status()
		if r.FormValue("slabs") == "0" {
			d.Slabs = nil
		}
		answerJSON(w, d)
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Stop(r.Context())) })
	mux.HandleFunc("POST /upgrade", func(w http.ResponseWriter, r *http.Request) {
		// Without its time the answer is lost, and the upgrade goes on.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(upgradeTimeout))
		answerDone(w, src.Upgrade(r.Context()))
	})
	mux.HandleFunc("GET /decisions/{slab}", func(w http.ResponseWriter, r *http.Request) { answerDecisions(w, r, src) })
	return serve(path, mux)
}

// ServeDonor serves a donor as [ServeDevice] serves a device.
func ServeDonor(path string, src DonorSource) (*Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, src.Status()) })
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Stop(r.Context())) })
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Drain(r.Context())) })
	mux.HandleFunc("POST /upgrade", func(w http.ResponseWriter, r *http.Request) { answerDone(w, src.Upgrade(r.Context())) })
	mux.HandleFunc("POST /resize", func(w http.ResponseWriter, r *http.Request) { answerDone(w, resize(w, r, src)) })
	return serve(path, mux)
}

// answerDecisions sends the decisions about a slab.
func answerDecisions(w http.ResponseWriter, r *http.Request, src DeviceSource) {
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
	answerJSON(w, list(decisions))
}

// resize reads a request to resize and carries it out.
func resize(w http.ResponseWriter, r *http.Request, src DonorSource) error {
	var req DonorResize
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields() // a newer client must not believe that the donor did all it asked for
	if err := body.Decode(&req); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return src.Resize(r.Context(), req)
}

package web

import (
	"bytes"
	"maps"
	"net/http"
	"time"
)

// overviewPause is the least time between two events of one /api/cluster. Without it the
// peers would decide how often events come.
const overviewPause = 500 * time.Millisecond

// collect returns all that is known now; localOnly leaves out what peers said.
func (s *Server) collect(localOnly bool) ([]origin, map[string]*summary) {
	local := origin{ID: localOrigin, Name: s.host, State: originUp, Since: millis(s.started)}
	if err := s.feed.Err(); err != nil {
		local.State, local.Error = originDown, err.Error()
	} else if s.feed.Polls() == 0 {
		local.State = originConnecting
	}
	origins, things := []origin{local}, localThings(s.feed)
	if localOnly {
		return origins, things
	}
	for _, p := range s.peers {
		o, its := p.snapshot()
		origins = append(origins, o)
		maps.Copy(things, its)
	}
	return origins, things
}

// differ makes overviews. Each has what has changed since the one before.
type differ struct {
	origins []byte
	things  map[string][]byte
}

// next returns what has changed, or nil if nothing has.
func (d *differ) next(origins []origin, things map[string]*summary) *overview {
	o := &overview{Origins: origins, Things: map[string]*summary{}}
	now := mustJSON(origins)
	changed := !bytes.Equal(now, d.origins)
	d.origins = now
	if d.things == nil {
		d.things = map[string][]byte{}
	}
	for key, one := range things {
		if data := mustJSON(one); !bytes.Equal(data, d.things[key]) {
			d.things[key] = data
			o.Things[key] = one
		}
	}
	for key := range d.things {
		if things[key] == nil {
			delete(d.things, key)
			o.Things[key] = nil
		}
	}
	if !changed && len(o.Things) == 0 {
		return nil
	}
	return o
}

// serveOverview streams the cluster.
func (s *Server) serveOverview(w http.ResponseWriter, r *http.Request) {
	out, leave, ok := openStream(w, s.overviews)
	if !ok {
		return
	}
	defer leave()
	localOnly := r.URL.Query().Get("scope") == localOrigin
	polled, stop := s.feed.Subscribe()
	defer stop()
	told, stop := s.news.subscribe()
	defer stop()
	if localOnly {
		told = nil
	}
	var d differ
	end, tick := time.After(streamLife), time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		var err error
		if o := d.next(s.collect(localOnly)); o != nil {
			o.At, o.Interval = time.Now().UnixMilli(), s.feed.Interval().Milliseconds()
			err = out.send(o)
		} else {
			err = out.alive()
		}
		if err != nil || !s.pause(r, overviewPause) {
			return
		}
		select {
		case <-polled:
		case <-told:
		case <-tick.C:
		case <-end:
			return
		case <-s.closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// pause waits, and returns whether to go on.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
	case <-r.Context().Done():
	}
	return false
}

// serveWatch streams one device or donor of this machine, or of a peer through that peer.
func (s *Server) serveWatch(w http.ResponseWriter, r *http.Request) {
	from, kind, name, err := splitKey(r.URL.Query().Get("thing"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, leave, ok := openStream(w, s.watches)
	if !ok {
		return
	}
	defer leave()
	if from != localOrigin {
		s.relay(out, r, from, kind, name)
		return
	}
	changed, stop := s.feed.Subscribe()
	defer stop()
	watch := newWatcher(s.feed, kind, name)
	end, tick := time.After(streamLife), time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		d, known := watch.next()
		switch {
		case !known:
			_ = out.fail(errGone)
			return
		case d != nil:
			err = out.send(d)
		default:
			err = out.alive()
		}
		if err != nil {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-end:
			return
		case <-s.closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}

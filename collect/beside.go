package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"timesink/collect/capture"
)

// A collection exists for the trace. Everything else is secondary and delays neither
// the window nor the answer:
//
//   - Before the window, the index, which counts the goroutines, and the first
//     goroutine profile have headStart together, counted from the request for the
//     index. The collection does without what has not arrived by then.
//   - When the window is over, the CPU profile, the second goroutine profile and the
//     probes in flight have sideGrace in parallel. A CPU profile that has begun to
//     arrive by then is waited for.
//   - Pages that describe the service are requested at the same time and have
//     pageGrace. Inside the window their requests would be among those measured.
//
// Each part that is missing for this reason gets a warning that names it.
const (
	headStart = 2 * time.Second
	sideGrace = 3 * time.Second
	pageGrace = time.Second
)

var (
	lateForWindow = &lateError{"no answer in " + secondsText(headStart) + ", and the window did not wait for it"}
	lateAsPage    = &lateError{"no answer in " + secondsText(pageGrace) + " after the window"}
	lateForAnswer = &lateError{"no answer in " + secondsText(sideGrace) + " after the window, and the report did not wait for it"}
)

// first requests the index and returns its answer. The context before is done when
// the head start is over.
func (s *survey) first(ctx context.Context) (index answer, before context.Context) {
	before, late := context.WithCancelCause(ctx)
	// Until the request is written, only dialing can be slow. Dialing has its own
	// timeout, and without a connection there is no window.
	return s.index(onWritten(before, func() {
		time.AfterFunc(headStart, func() { late(lateForWindow) })
	})), before
}

// trial takes a very short trace and reads it to its end, because a service refuses
// a second one while the first runs.
func (s *survey) trial(ctx context.Context) answer {
	endpoint := fmt.Sprintf("trace?seconds=%g", glance.Seconds())
	a := s.client.fetch(ctx, endpoint, maxTrial)
	if a.err == nil && !capture.IsTrace(a.body) {
		a.err = s.client.notTrace(endpoint, a.body)
	}
	s.log("trace", "tried for "+fmt.Sprint(glance.Seconds())+" s", a.took, int64(len(a.body)), a.err)
	return a
}

// explainTrace adds what is known about the service to the error of a missing trace:
// a service with net/http/pprof lacks only that one handler.
func (s *survey) explainTrace(err error) error {
	var e *capture.Error
	if !errors.As(err, &e) || !s.shows() {
		return err
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return &capture.Error{Op: e.Op, Err: e.Err, Hint: s.client.target.traceHint()}
	case errors.Is(err, capture.ErrNotTrace):
		return &capture.Error{Op: e.Op, Err: e.Err, Hint: "net/http/pprof is there, but another handler answers at its trace endpoint: register " +
			s.client.target.handler("trace", "Trace") + " before the catch-all handler"}
	}
	return err
}

// handler returns the line of code that registers a handler of net/http/pprof.
func (t Target) handler(endpoint, function string) string {
	return fmt.Sprintf("mux.HandleFunc(%q, pprof.%s)", maskPath(t.base.Path)+endpoint, function)
}

func (t Target) traceHint() string {
	return "net/http/pprof is there, but its trace is not: a custom router needs each handler, add " + t.handler("trace", "Trace")
}

// ofPprof reports whether the error came from net/http/pprof itself, whose index has
// no profile of that name.
func ofPprof(h http.Header) bool { return h.Get("X-Go-Pprof") != "" }

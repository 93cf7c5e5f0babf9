package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"timesink/collect/capture"
)

// The trace is what a collection is for; everything else stands beside it, and
// holds up neither the window nor the answer:
//
//   - Before the window there is time for the index, which counts the goroutines,
//     and for the first goroutine profile: headStart for both together, counted
//     from when the index was asked for. What has not come by then is done without.
//   - When the window is over, the CPU profile, the second goroutine profile and the
//     probes in flight have sideGrace at the same time; a CPU profile that is coming
//     by then is waited for.
//   - Pages that tell about the service are asked for then, too, and have pageGrace.
//     Within the window they would be among the requests that it is about.
//
// What is missing for that reason is a warning that names it.
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

// first asks for the index, and returns what it answered; before is done when the
// head start is over.
func (s *survey) first(ctx context.Context) (index answer, before context.Context) {
	before, late := context.WithCancelCause(ctx)
	// Until the request is written, a way that cannot be dialed is what is slow: that
	// has a bound of its own, and nothing comes of the window without.
	return s.index(onWritten(before, func() {
		time.AfterFunc(headStart, func() { late(lateForWindow) })
	})), before
}

// trial takes a trace of no length, to its end, for two at once are refused.
func (s *survey) trial(ctx context.Context) answer {
	endpoint := fmt.Sprintf("trace?seconds=%g", glance.Seconds())
	a := s.client.fetch(ctx, endpoint, maxTrial)
	if a.err == nil && !capture.IsTrace(a.body) {
		a.err = s.client.notTrace(endpoint, a.body)
	}
	s.log("trace", "tried for "+fmt.Sprint(glance.Seconds())+" s", a.took, int64(len(a.body)), a.err)
	return a
}

// maxTrial bounds the trace that is only tried, in bytes.
const maxTrial = 64 << 20

// explainTrace adds what is known of the service to the error of a trace that is
// not there: a service that has net/http/pprof lacks that one handler only.
func (s *survey) explainTrace(err error) error {
	var e *capture.Error
	if !errors.As(err, &e) || !s.shows() {
		return err
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return &capture.Error{Op: e.Op, Err: e.Err, Hint: s.client.target.traceHint()}
	case errors.Is(err, capture.ErrNotTrace):
		return &capture.Error{Op: e.Op, Err: e.Err, Hint: "net/http/pprof is there, but something else answers where its trace should be: register " +
			s.client.target.handler("trace", "Trace") + " before what catches all paths"}
	}
	return err
}

// handler is the line that registers a handler of net/http/pprof.
func (t Target) handler(endpoint, function string) string {
	return fmt.Sprintf("mux.HandleFunc(%q, pprof.%s)", t.base.Path+endpoint, function)
}

func (t Target) traceHint() string {
	return "net/http/pprof is there, but not its trace: a router of its own needs each handler, add " + t.handler("trace", "Trace")
}

// ofPprof reports whether net/http/pprof itself answered with an error: its index
// knows no profile of that name.
func ofPprof(h http.Header) bool { return h.Get("X-Go-Pprof") != "" }

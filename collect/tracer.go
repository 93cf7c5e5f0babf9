package collect

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"timesink/collect/capture"
)

// A process has only one tracer. A service that is being traced refuses another trace with
// status 500, and its goroutines say who takes the one that runs.

const (
	maxStacks = 4 << 20 // of the goroutine page, in bytes

	handlerOfTrace = "net/http/pprof.Trace"
)

// readsTrace matches the functions of the goroutine that reads a running trace, in any
// version of Go. Others of their package are on stacks without one.
var readsTrace = regexp.MustCompile(`^(runtime\.ReadTrace|runtime/trace\.(runtime_readTrace|Start\.func\d+|\(\*traceMultiplexer\)\..*))$`)

// tracingLibraries are the packages that take traces inside a service, by how the names of
// their functions begin, and their names.
var tracingLibraries = []struct{ prefix, name string }{
	{"gopkg.in/DataDog/dd-trace-go.v1/profiler.", "the Datadog profiler"},
	{"github.com/DataDog/dd-trace-go/v2/profiler.", "the Datadog profiler"},
	{"github.com/google/gops/agent.", "the gops agent"},
	{"github.com/grafana/pyroscope-go.", "the Pyroscope profiler"},
}

// stackFunction matches the function of a frame in a goroutine profile as text.
var stackFunction = regexp.MustCompile(`(?m)^#\s+0x[0-9a-f]+\s+([^\s+]+)\+0x`)

// whoTraces learns from the service's goroutines who takes the trace that runs. It asks
// nothing of a service with too many of them.
func (s *survey) whoTraces(ctx context.Context) {
	if s.known().Goroutines > manyGoroutines {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
	defer cancel()
	a := s.client.fetch(ctx, "goroutine?debug=1", maxStacks)
	s.log("goroutine", "looked for who traces the service", a.took, int64(len(a.body)), a.err)
	if a.err != nil {
		return
	}
	var functions []string
	for _, m := range stackFunction.FindAllSubmatch(a.body, -1) {
		functions = append(functions, string(m[1]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracer = tracerIn(functions)
}

// tracerIn says who takes a trace, from the functions on the stacks of all goroutines; ""
// if no trace runs.
func tracerIn(functions []string) string {
	running, library := false, ""
	for _, f := range functions {
		if f == handlerOfTrace {
			return "another client of the service's pprof port takes it: another timesink, a colleague's curl, or a continuous profiler"
		}
		running = running || readsTrace.MatchString(f)
		for _, row := range tracingLibraries {
			if strings.HasPrefix(f, row.prefix) {
				library = row.name
			}
		}
	}
	switch {
	case !running:
		return ""
	case library != "":
		return "no client of the pprof port takes it: probably " + library + " in the service does"
	}
	return "no client of the pprof port takes it: the service does so itself, by runtime/trace.Start"
}

// explainTracer adds to the error of a trace that is refused because another one runs whose
// that is.
func (s *survey) explainTracer(ctx context.Context, err error) error {
	var e *capture.Error
	if !errors.As(err, &e) || !errors.Is(err, ErrTraceRunning) {
		return err
	}
	s.whoTraces(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracer == "" {
		return err
	}
	return &capture.Error{Op: e.Op, Err: e.Err, Hint: "one trace at a time: " + s.tracer + "; wait until it ends"}
}

// alreadyTraced returns an error if another trace runs. It asks for one only if the
// goroutines taken before the window say so: the probes before the window would be a
// burden in vain.
func (c *collector) alreadyTraced(ctx context.Context) error {
	c.facts.mu.Lock()
	traced := c.facts.traced
	c.facts.mu.Unlock()
	if !traced {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
	defer cancel()
	if trial := c.facts.trial(ctx); errors.Is(trial.err, ErrTraceRunning) {
		return c.facts.explainTracer(ctx, trial.err)
	}
	return nil
}

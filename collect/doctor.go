package collect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"timesink/collect/capture"
)

// A Diagnosis is what a service exposes.
type Diagnosis struct {
	Target  string          `json:"target"`
	Service capture.Service `json:"service"`
	// TraceRunning and ProfileRunning report whether another client is taking
	// one now.
	TraceRunning   bool `json:"trace_running"`
	ProfileRunning bool `json:"profile_running"`
	// Asked is the configured window. Longest is the longest window up to Asked
	// that the server's write timeout allows, or zero if unknown.
	Asked   int64 `json:"asked_ns"`
	Longest int64 `json:"longest_ns"`
	// Fallback is what a run would answer from without a trace.
	Fallback Fallback `json:"fallback"`
	// Advice lists what would improve the answer, the most important first.
	Advice []Advice `json:"advice"`
	// Err is the error with which a collection would fail now, or nil.
	Err error `json:"-"`
}

// Advice is one thing to do for a better answer.
type Advice struct {
	ID   string `json:"id"`             // stable, for programs: "write-timeout"
	What string `json:"what"`           // the observation, and what it costs the answer
	Code string `json:"code,omitempty"` // lines of code to add to the service
}

const (
	// glance is the length of Doctor's trace and profile: a service that
	// answers at all has begun by then.
	glance        = 50 * time.Millisecond
	profileGlance = 100 * time.Millisecond

	// pagePatience is how long Doctor waits for each page.
	pagePatience = 5 * time.Second
)

var lateForDoctor = &lateError{"no answer in " + secondsText(pagePatience)}

// Doctor examines what a service exposes. It uses the target, the window and
// the log of the configuration.
//
// It is harmless: a handful of requests, of which it reads the first few KB, a
// trace of 0.05 s, a CPU profile canceled after 0.1 s, and one goroutine
// profile unless there are too many goroutines.
//
// Doctor returns an error only if the service does not answer at all. For a
// service that answers but cannot be collected from, it returns a Diagnosis
// with an Err.
func Doctor(ctx context.Context, cfg Config) (*Diagnosis, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c, err := newClient(cfg.Target, cfg.Tool)
	if err != nil {
		return nil, err
	}
	defer c.http.CloseIdleConnections()
	d := &doctor{
		survey:    survey{client: c, log: logTo(cfg.Log)},
		diagnosis: Diagnosis{Target: cfg.Target.String(), Asked: int64(cfg.window())},
	}
	if err := d.examine(ctx, cfg.window()); err != nil {
		return nil, err
	}
	return d.conclude(), nil
}

// logTo adapts a logger, which may be nil, to a survey's log.
func logTo(log *slog.Logger) func(source, what string, took time.Duration, bytes int64, err error) {
	return func(source, what string, took time.Duration, bytes int64, err error) {
		if log == nil {
			return
		}
		attrs := []slog.Attr{slog.String("source", source), slog.Duration("took", took), slog.Int64("bytes", bytes)}
		if err != nil {
			attrs = append(attrs, slog.String("error", told(err)))
		}
		log.LogAttrs(context.Background(), slog.LevelInfo, what, attrs...)
	}
}

// A doctor runs one examination.
type doctor struct {
	survey
	diagnosis Diagnosis
	format    string // of the trace
	index     error  // what is wrong with the index
	trace     error  // what is wrong with the trace
	profile   error  // what is wrong with the CPU profile
	open      string // where the port answers others without asking who they are
}

// examine makes all requests. It returns an error if the service does not
// answer.
func (d *doctor) examine(ctx context.Context, window time.Duration) error {
	index, _ := d.first(ctx)
	d.index = index.err
	switch {
	case settles(d.index) && index.status == 0:
		return d.index
	case settles(d.index):
		return nil // all other requests would fail the same way
	}
	var beside sync.WaitGroup
	var recording []source
	for _, s := range sources() {
		switch {
		case s.examine == nil:
		case s.moment() == capture.During:
			recording = append(recording, s)
		default:
			beside.Go(func() { patiently(ctx, func(ctx context.Context) { s.examine(d, ctx, index) }) })
		}
	}
	beside.Go(func() { patiently(ctx, func(ctx context.Context) { d.fit(ctx, window) }) })
	beside.Go(func() { d.open = d.client.openAt(ctx, index, ownAddresses()) })
	for _, s := range recording {
		patiently(ctx, func(ctx context.Context) { s.examine(d, ctx, index) })
	}
	beside.Wait()
	switch {
	case ctx.Err() != nil:
		return d.client.failed("", ctx.Err())
	case index.status == 0 && !isLate(d.index) && d.trace != nil:
		return d.index
	}
	return nil
}

// patiently calls f with a context that ends after pagePatience.
func patiently(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithTimeoutCause(ctx, pagePatience, lateForDoctor)
	defer cancel()
	f(ctx)
}

// fit finds the longest window that the service allows.
func (d *doctor) fit(ctx context.Context, window time.Duration) {
	for _, page := range []string{"goroutine", "mutex"} {
		if longest, ok := d.longest(ctx, page, profileSeconds(window)); ok {
			d.diagnosis.Longest = int64(min(time.Duration(longest)*time.Second, window))
			return
		}
	}
}

func (d *doctor) block(ctx context.Context, _ answer) {
	a := d.ask(ctx, "block", "block?debug=1", maxHead)
	n := d.known().BlockEvents
	switch {
	case a.err != nil:
	case !bytes.HasPrefix(a.body, []byte("--- contention")):
		d.note("block", false, "not a block profile but %s", capture.Sniff(a.body).What)
	case n == nil:
	case *n > 0:
		d.note("block", true, "on, or was: %d stacks", *n)
	default:
		d.note("block", true, "off, or nothing has blocked yet")
	}
}

// profilePage requests a profile that is served as one page. It returns nil
// unless the profile is complete.
func (d *doctor) profilePage(ctx context.Context, name string) []byte {
	a := d.ask(ctx, name, name, maxProfile)
	switch {
	case a.err != nil:
	case !isGzip(a.body):
		d.note(name, false, "not a profile but %s", capture.Sniff(a.body).What)
	case !a.more:
		return a.body
	}
	return nil
}

// takeTrace takes a minimal trace.
func (d *doctor) takeTrace(ctx context.Context, _ answer) {
	endpoint := fmt.Sprintf("trace?seconds=%g", glance.Seconds())
	a := d.ask(ctx, "trace", endpoint, maxHead)
	d.trace = a.err
	switch {
	case errors.Is(a.err, ErrTraceRunning):
		d.diagnosis.TraceRunning = true
		d.trace = d.explainTracer(ctx, a.err)
	case a.err != nil:
	case !capture.IsTrace(a.body):
		d.trace = d.client.notTrace(endpoint, a.body)
		d.note("trace", false, "%s", told(d.trace))
	default:
		d.format = capture.TraceVersion(a.body)
		d.note("trace", true, "format %s; %s s were taken", d.format, fmt.Sprint(glance.Seconds()))
	}
}

// takeProfile requests a CPU profile and cancels it. A busy profiler says so at
// once; an idle one sends nothing before the profile ends.
func (d *doctor) takeProfile(ctx context.Context, index answer) {
	begin := time.Now()
	cuttable, cut := context.WithCancel(ctx)
	defer cut()
	asked := onWritten(cuttable, func() { time.AfterFunc(profileGlance+2*index.took, cut) })
	a := d.client.fetch(asked, "profile?seconds=1", maxErrorBody)
	took := time.Since(begin)
	switch {
	case errors.Is(a.err, ErrInterrupted) && ctx.Err() == nil:
		d.enter("profile", http.StatusOK, nil, took)
		d.note("profile", true, "begins; canceled after %.1f s", took.Seconds())
	case a.err == nil && !isGzip(a.body):
		d.profile = withOp(d.client.op("profile"), newFault(ErrStatus, pprofHint, "not a profile but %s", capture.Sniff(a.body).What))
		d.enter("profile", a.status, d.profile, took)
	default:
		d.profile = a.err
		d.enter("profile", a.status, a.err, took)
	}
	d.diagnosis.ProfileRunning = errors.Is(d.profile, ErrProfileRunning)
	d.log("profile", "requested a profile and canceled it", took, 0, d.profile)
}

// conclude turns the observations into a Diagnosis.
func (d *doctor) conclude() *Diagnosis {
	d.resolve(d.format)
	g := &d.diagnosis
	g.Service = d.service
	g.Advice = []Advice{}
	switch {
	case settles(d.index):
		g.Err = d.index
	case d.trace != nil && d.index != nil && !isLate(d.index) && !d.diagnosis.TraceRunning && !d.shows():
		g.Err = d.index // without an index, the trace's 404 says less
	default:
		g.Err = d.explainTrace(d.trace)
	}
	g.Fallback = d.fallback()
	for _, row := range advice {
		if row.when(d) {
			code := strings.ReplaceAll(row.code, defaultIndex, maskPath(d.client.target.base.Path))
			g.Advice = append(g.Advice, Advice{ID: row.id, What: row.what(d), Code: code})
		}
	}
	return g
}

// advice lists what would improve an answer, the most important first.
var advice = []struct {
	id   string
	when func(*doctor) bool
	what func(*doctor) string
	code string
}{
	{"access", func(d *doctor) bool { return errors.Is(d.index, ErrUnauthorized) },
		say("the port is guarded: " + accessHint), ""},
	{"pprof-missing", func(d *doctor) bool { return errors.Is(d.index, ErrNotFound) && d.trace != nil && !d.shows() },
		say("without net/http/pprof there is nothing to see but what clients see: serve it, preferably on a separate port that is reachable only from inside"),
		"import _ \"net/http/pprof\"\n\ngo func() { log.Print(http.ListenAndServe(\"localhost:6060\", nil)) }()"},
	{"trace-missing", func(d *doctor) bool { return d.shows() && errors.Is(d.trace, ErrNotFound) },
		say("pprof is there, but the trace is not: a custom router needs each handler"),
		"mux.HandleFunc(\"/debug/pprof/trace\", pprof.Trace)"},
	{"trace-replaced", func(d *doctor) bool { return d.shows() && errors.Is(d.trace, capture.ErrNotTrace) },
		say("a handler other than net/http/pprof's answers at the trace endpoint: register pprof's before the catch-all handler"),
		"mux.HandleFunc(\"/debug/pprof/trace\", pprof.Trace)"},
	{"port-open", func(d *doctor) bool { return d.open != "" },
		func(d *doctor) string {
			return "the pprof port answers at " + d.open + " without authentication: whoever reaches it reads the service's command line and stacks, and can slow it down; " +
				"let it listen on the loopback interface, or put authentication in front of it"
		},
		"go func() { log.Print(http.ListenAndServe(\"localhost:6060\", nil)) }()"},
	{"trace-running", func(d *doctor) bool { return d.diagnosis.TraceRunning },
		func(d *doctor) string {
			return "a trace runs already, and a process has only one tracer: " + cmp.Or(d.tracer, "another client may take it") + "; try again when it is over"
		}, ""},
	{"write-timeout", func(d *doctor) bool { return d.service.WriteTimeout > 0 },
		func(d *doctor) string {
			return fmt.Sprintf("the server's write timeout of at most %s limits the window to %s; from Go 1.23 on it has no effect",
				secondsText(time.Duration(d.service.WriteTimeout)), secondsText(time.Duration(d.diagnosis.Longest)))
		},
		"srv.WriteTimeout = 0 // of the server that serves pprof"},
	{"profile-missing", func(d *doctor) bool { return d.trace == nil && d.profile != nil && !d.diagnosis.ProfileRunning },
		say("no CPU profile: CPU time cannot be broken down by function"),
		"mux.HandleFunc(\"/debug/pprof/profile\", pprof.Profile)"},
	{"profile-running", func(d *doctor) bool { return d.diagnosis.ProfileRunning },
		say("another client, perhaps a continuous profiler, is taking a CPU profile: its samples are in the trace, so nothing is lost"), ""},
	{"index-late", func(d *doctor) bool { return isLate(d.index) },
		say("the index is slow: a collection goes on without it after " + secondsText(headStart) + ", and takes no goroutine profiles, because the number of goroutines is unknown"), ""},
	{"goroutines-many", func(d *doctor) bool { return d.service.Goroutines > manyGoroutines },
		func(d *doctor) string {
			return fmt.Sprintf("with %d goroutines the goroutine profiles are left out, because they stop the world", d.service.Goroutines)
		}, ""},
	{"tracing-expensive", func(d *doctor) bool { return d.older(cheapTracing) },
		func(d *doctor) string {
			return d.service.GoVersion + ": a trace costs 10 to 20% CPU before Go 1.21, 1 to 2% since; until then keep the window short"
		}, "go get go@latest"},
	{"trace-whole", func(d *doctor) bool { return d.older(readableCut) },
		func(d *doctor) string {
			return d.service.GoVersion + ": before Go 1.22 a trace that is cut short cannot be read, so a collection that ends early keeps nothing"
		}, "go get go@latest"},
	{"mutex-off", func(d *doctor) bool { return d.service.MutexRate != nil && *d.service.MutexRate == 0 },
		say("the mutex profile is off: the trace shows who held a lock during the window; the profile would cover all time since the start"),
		"runtime.SetMutexProfileFraction(100) // one contention of 100"},
	{"mutex-each", func(d *doctor) bool { return d.service.MutexRate != nil && *d.service.MutexRate == 1 },
		say("the mutex profile records every contention, which is expensive in a busy service"),
		"runtime.SetMutexProfileFraction(100) // one contention of 100"},
	{"block-off", func(d *doctor) bool { return d.service.BlockEvents != nil && *d.service.BlockEvents == 0 },
		say("the block profile is off, or nothing has blocked yet: the trace shows what blocked during the window; the profile would cover all time since the start"),
		"runtime.SetBlockProfileRate(int(10 * time.Millisecond)) // one sample per 10 ms blocked"},
}

func say(text string) func(*doctor) string { return func(*doctor) string { return text } }

// older reports whether the service is known to be built with a version of Go
// before the given minor version.
func (d *doctor) older(minor int) bool {
	m := minorVersion(d.service.GoVersion)
	return m > 0 && m < minor
}

func isGzip(data []byte) bool { return len(data) > 1 && data[0] == 0x1f && data[1] == 0x8b }

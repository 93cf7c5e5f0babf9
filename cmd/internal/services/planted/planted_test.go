package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/blame"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/backing"
	"timesink/cmd/internal/testbin"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/report"
)

func TestMain(m *testing.M) { testbin.Main(m) }

var (
	whole     = flag.Bool("whole", false, "try all rows, not only the first of each family")
	write     = flag.Bool("write", false, "write the table of -whole into FINDINGS.md, with what is missed")
	toolchain = flag.String("toolchain", "", "build the services with this `toolchain`, such as go1.27.3, instead of the one that runs the test")
	keep      = flag.String("keep", "", "keep the captures in this `folder`")
	window    = flag.Duration("window", 2*time.Second, "how long a capture lasts, except that of a service that hangs, which takes a second more")
	selected  = flag.String("rows", "", "try the rows whose service or ID matches this `regexp`, of all families")
)

// deprived is the share of the window for which the kernel may keep a service's threads
// from their cores before requests truly lack them.
const deprived = 0.05

// seldom is how many planted causes may fire without being the first.
const seldom = 2

func TestServicesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range families {
		for _, r := range f.rows {
			if seen[r.service] {
				t.Errorf("there are two services %q", r.service)
			}
			seen[r.service] = true
		}
	}
}

// TestPlanted lets timesink look at services with a known cause, and prints what fired.
func TestPlanted(t *testing.T) {
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services/planted", tags...)
	env := backing.NewEnvironment(t, exe, peers)
	var outcomes []*outcome
	for _, r := range chosen(t) {
		t.Run(r.service, func(t *testing.T) {
			if r.plants != "" && diagnosis.Explain(r.plants) == nil {
				t.Fatalf("the catalogue has no %s", r.plants)
			}
			outcomes = append(outcomes, r.try(t, exe, env))
		})
	}
	table := markdown(outcomes)
	fmt.Printf("\n%s\n", table)
	late := 0
	for _, o := range outcomes {
		if o.plants != "" && o.fires && !o.first && !o.deprived {
			late++
		}
	}
	if late > seldom || !*whole && late > 0 {
		t.Errorf("%d planted causes fired without being the first", late)
	}
	if *write && *whole && *selected == "" {
		if err := accuracy.Publish("FINDINGS.md", "planted", table); err != nil {
			t.Fatal(err)
		}
	}
}

// chosen returns the rows to try.
func chosen(t *testing.T) (rows []*row) {
	match, err := regexp.Compile(*selected)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for i := range f.rows {
			r := &f.rows[i]
			if *selected != "" && (match.MatchString(r.service) || match.MatchString(r.plants)) || *selected == "" && (*whole || i == 0) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// An outcome is what timesink says of a service.
type outcome struct {
	*row
	fired      []string // the findings' IDs, in order
	conclusion string   // the ID of the cause that the last line names
	fires      bool     // the planted cause did
	first      bool     // before all others
	beside     []string // what fired and is not there
	// deprived is set if other processes kept the service from the cores: then waiting for
	// them, or what computes, may truly take more time than what is planted.
	deprived bool
}

// try runs a service under load, takes one capture, and judges what timesink says.
func (r *row) try(t *testing.T, exe string, env *backing.Environment) *outcome {
	b, delayed := r.look(t, exe, env)
	there := []string{"not-worth-it"}              // the usual suspect may be cleared anywhere
	lacking := delayed > deprived*window.Seconds() // by other processes, also that of the test
	if lacking {
		there = append(there, "no-core", "no-processor", "saturated-side")
	}
	o := r.judge(b, there)
	o.deprived = lacking
	if r.quiet && lacking && (o.plants != "" && !o.fires || len(o.beside) > 0) {
		t.Skipf("the machine lacks cores: it keeps the service waiting for %.2f s, and %q fired", delayed, o.fired)
	}
	if o.plants != "" && !o.fires {
		t.Errorf("%s is planted and did not fire, but %q", o.plants, o.fired)
	}
	if len(o.beside) > 0 {
		t.Errorf("false alarms: %q", o.beside)
	}
	for _, fault := range append(r.blamed(b), r.misnamed(b)...) {
		t.Error(fault)
	}
	if t.Failed() || !o.first && o.plants != "" {
		var text bytes.Buffer
		if err := report.Text(&text, b, report.TextOptions{Width: 120}); err != nil {
			t.Fatal(err)
		}
		t.Logf("timesink says:\n%s", &text)
	}
	return o
}

// judge compares what fired with what is planted, and what is truly there since the
// machine lacked cores. That may come before what is planted. A cause that is no finding
// fires if it is the conclusion; what the slowest requests do has a line of its own.
func (r *row) judge(b *breakdown.Breakdown, there []string) *outcome {
	o := &outcome{row: r, conclusion: b.Conclusion.Cause}
	for i := range b.Findings {
		o.fired = append(o.fired, b.Findings[i].ID)
	}
	if entry := diagnosis.Explain(r.plants); entry != nil && !entry.Finding {
		o.fires = o.conclusion == r.plants || r.plants == "tail" && slices.ContainsFunc(b.Causes, func(x breakdown.Explanation) bool { return x.ID == r.plants })
		o.first = o.fires
	} else {
		own := slices.DeleteFunc(slices.Clone(o.fired), func(id string) bool { return id != r.plants && slices.Contains(there, id) })
		at := slices.Index(own, r.plants)
		o.fires, o.first = at >= 0, at == 0
	}
	if r.names != "" && !slices.ContainsFunc(b.Causes, func(x breakdown.Explanation) bool {
		return x.ID == r.plants && slices.ContainsFunc(x.Facts, func(f breakdown.Fact) bool { return f.Name == r.names })
	}) {
		o.fires, o.first = false, false
	}
	for _, id := range append(slices.Clone(o.fired), o.conclusion) {
		if id != "" && id != r.plants && !slices.Contains(r.also, id) && !slices.Contains(there, id) && !slices.Contains(o.beside, id) {
			o.beside = append(o.beside, id)
		}
	}
	return o
}

// blamed returns what is wrong with whom the last line blames: a system that has less of the
// time than it says, or one that the planted cause is not about.
func (r *row) blamed(b *breakdown.Breakdown) (faults []string) {
	text := report.Worded(b).Conclusion.Text
	faults = blame.Unfounded(b, text)
	if r.plants == "other-side" || slices.Contains(r.also, "other-side") {
		return faults
	}
	for _, c := range blame.Of(text) {
		if c.Blames() {
			faults = append(faults, fmt.Sprintf("the last line blames another system: %q", c.Text))
		}
	}
	return faults
}

// misnamed returns the endpoints that are missing.
func (r *row) misnamed(b *breakdown.Breakdown) (faults []string) {
	var names []string
	for i := range b.Endpoints {
		names = append(names, b.Endpoints[i].Name)
	}
	for _, want := range r.endpoints {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, "."+want) }) {
			faults = append(faults, fmt.Sprintf("no endpoint is called %s, of %q", want, names))
		}
	}
	if r.named && slices.Contains(names, breakdown.Unnamed) {
		faults = append(faults, "there are requests without a name")
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == breakdown.Unnamed }) // cut before they blocked
	if r.endpoints != nil && len(names) != len(r.endpoints) {
		faults = append(faults, fmt.Sprintf("there are %d endpoints, not %d: %q", len(names), len(r.endpoints), names))
	}
	return faults
}

// look runs a service under load and analyzes one capture of it. It also returns for how
// many seconds threads of the service were ready and had no core in the meantime.
func (r *row) look(t *testing.T, exe string, env *backing.Environment) (b *breakdown.Breakdown, delayed float64) {
	with := env.Arguments(r.needs)
	var ready serving
	args := slices.Concat(r.env, []string{exe, "serve"}, with, []string{r.service})
	program := "/usr/bin/env"
	if r.resolving != "" {
		program, args = resolved(t, r.resolving, append([]string{program}, args...))
	}
	service := testbin.Start(t, program, args, &ready)
	if r.cores > 0 {
		backing.Limit(t, service.PID(), r.cores)
	}
	target, err := collect.ParseTarget(ready.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(t, r, ready.URL)
	cfg := collect.Config{Target: target, Window: *window}
	if r.hangs || r.slowly || r.cold {
		cfg.Window += 3 * *window / 4
	}
	if r.probed {
		cfg.Probing.URLs = []string{ready.URL + cmp.Or(r.path(), "/")}
	}
	if r.cold {
		cfg.Observe = l.beginWithin
	} else {
		l.begin()
		l.warm(t)
	}
	path := filepath.Join(cmp.Or(*keep, t.TempDir()), strings.ReplaceAll(r.service, "/", "-")+".zip")
	os.Remove(path) // of an earlier run
	before := meter.RunDelay(service.PID())
	if _, err := collect.Run(t.Context(), cfg, path); err != nil {
		t.Fatal(err)
	}
	delayed = float64(meter.RunDelay(service.PID())-before) / 1e9
	if r.hangs {
		if err := service.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	l.end(t)
	cp, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	b, err = analyze.Captures(t.Context(), []*capture.Capture{cp}, analyze.Options{Detail: true, FindUnits: true})
	if err != nil {
		t.Fatal(err)
	}
	return b, delayed
}

// resolved returns the command that runs another one with its own /etc/resolv.conf.
func resolved(t *testing.T, conf string, command []string) (program string, args []string) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return "/usr/bin/unshare", append([]string{"--mount", "/bin/sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, file}, command...)
}

// path returns the path that the first clients ask for.
func (r *row) path() string {
	if len(r.load) == 0 {
		return ""
	}
	return r.load[0].path
}

// A loading is the load of a service.
type loading struct {
	*row
	url      string
	ctx      context.Context
	stop     context.CancelFunc
	once     sync.Once
	all      sync.WaitGroup
	sent     atomic.Int64
	answered atomic.Int64
	mu       sync.Mutex
	failures []string
}

func newLoad(t *testing.T, r *row, url string) *loading {
	l := &loading{row: r, url: url}
	l.ctx, l.stop = context.WithCancel(t.Context())
	return l
}

// begin starts the clients, once.
func (l *loading) begin() {
	l.once.Do(func() {
		for _, c := range l.clients() {
			l.all.Go(func() { l.run(c) })
		}
	})
}

// beginWithin starts the clients once the window has been open for a while.
func (l *loading) beginWithin(p collect.Progress) {
	if p.Stage == collect.StageWindow && p.Elapsed >= p.Of/4 {
		l.begin()
	}
}

func (l *loading) clients() []clients {
	if len(l.load) == 0 {
		return []clients{{}}
	}
	return l.load
}

func (l *loading) run(c clients) {
	result, err := load.Run(l.ctx, load.Config{Connections: cmp.Or(c.number, 2), Open: func() load.Session { return &counted{c.session(l.url), l} }})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failures = append(l.failures, err.Error())
	case result.Failed > 0:
		l.failures = append(l.failures, fmt.Sprintf("%d requests failed: %s", result.Failed, result.Error))
	}
	for status, n := range result.Statuses {
		if status >= 500 {
			l.failures = append(l.failures, fmt.Sprintf("%d answers with status %d", n, status))
		}
	}
}

// A counted counts the requests of a session.
type counted struct {
	load.Session
	*loading
}

func (c *counted) Get(ctx context.Context, target string) (int, error) {
	c.sent.Add(1)
	status, err := c.Session.Get(ctx, target)
	c.answered.Add(1)
	return status, err
}

// warm waits until each client has had some answers or, of a service that hangs, until
// there are no more of them.
func (l *loading) warm(t *testing.T) {
	want := int64(0)
	for _, c := range l.clients() {
		want += 3 * int64(cmp.Or(c.number, 2))
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the service did not come to what the row says of it within a minute"))
	defer cancel()
	for quiet, last := 0, int64(-1); ; {
		select {
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		case <-tick.C:
		}
		n := l.answered.Load()
		if n == last {
			quiet++
		} else {
			quiet = 0
		}
		last = n
		if !l.hangs && n >= want || l.hangs && quiet >= 20 {
			return
		}
	}
}

// end stops the clients.
func (l *loading) end(t *testing.T) {
	l.stop()
	l.all.Wait()
	if len(l.failures) > 0 && !l.hangs && !l.fails {
		t.Errorf("the load: %s", strings.Join(l.failures, "; "))
	}
}

// markdown formats the table, and below it what it says in all.
func markdown(outcomes []*outcome) string {
	var b strings.Builder
	b.WriteString("| service | planted | fired, in order | first | last line | false |\n|---|---|---|---|---|---|\n")
	planted, fires, first, beside := 0, 0, 0, 0
	yes := map[bool]string{true: "yes", false: "no"}
	for _, o := range outcomes {
		in := ""
		if o.plants != "" {
			planted++
			in = yes[o.first]
		}
		if o.fires {
			fires++
		}
		if o.first {
			first++
		}
		beside += len(o.beside)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", o.service, o.plants, strings.Join(o.fired, ", "), in, o.conclusion, strings.Join(o.beside, ", "))
	}
	out := b.String() + fmt.Sprintf("\nOf %d planted causes %d fired, %d as the first. ", planted, fires, first)
	if beside == 0 {
		return out + "Nothing false fired.\n"
	}
	return out + fmt.Sprintf("%d false causes fired.\n", beside)
}

//go:build servers

package accuracy_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/testpg"
	"timesink/cmd/internal/truth"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
	"timesink/collect/capture"
)

func TestMain(m *testing.M) { testbin.Main(m) }

// A scenario is a state of the VIN service.
type scenario struct {
	name  string
	title string // in the table
	set   func(*stack.Config)
	// holds checks what must hold in this state beyond the common bounds.
	holds func(*testing.T, *breakdown.Endpoint)
	// sample reports whether the state is measured even if all states would take too
	// long.
	sample bool
}

var (
	whole = flag.Bool("whole", false, "measure every state of the service, not a sample")
	write = flag.Bool("write", false, "write the whole table into ACCURACY.md unless a bound is broken")
)

var scenarios = []scenario{
	{name: "sequential", title: "sequential calls, a connection each", set: func(*stack.Config) {}, sample: true, holds: most(breakdown.Upstream, breakdown.ResponseWait)},
	{name: "concurrent", title: "concurrent calls", sample: true, set: func(c *stack.Config) { c.Service.Calls = "concurrent" }, holds: most(breakdown.Upstream, breakdown.ResponseWait)},
	{name: "pooled", title: "concurrent, connections reused", set: func(c *stack.Config) { c.Service.Calls, c.Service.KeepAlive = "concurrent", true }, holds: most(breakdown.Upstream, breakdown.ResponseWait)},
	{name: "pool-starved", title: "a pool of one connection", set: func(c *stack.Config) {
		c.Service.Calls, c.Service.KeepAlive = "concurrent", true
		c.Service.Pool, c.Service.SlowDB = 1, 12*time.Millisecond
	}, holds: most(breakdown.DB, breakdown.PoolWait)},
	{name: "held lock", title: "a lock held over the query", sample: true, set: func(c *stack.Config) {
		c.Service.Calls, c.Service.KeepAlive = "concurrent", true
		c.Service.HoldLock, c.Service.SlowDB = true, 12*time.Millisecond
	}, holds: func(t *testing.T, e *breakdown.Endpoint) {
		most(breakdown.Lock, breakdown.NoPhase)(t, e)
		holders := e.Buckets[breakdown.Lock].Holders
		if len(holders) == 0 || holders[0].Doing != breakdown.DB || holders[0].Function != reflect.TypeFor[vin.Store]().PkgPath()+".(*Store).Vehicle" {
			t.Errorf("the lock's holders are %+v, not the store across its query", holders)
		}
	}},
	{name: "slow db", title: "a slow database", set: func(c *stack.Config) {
		c.Service.Calls, c.Service.KeepAlive = "concurrent", true
		c.Service.SlowDB = 150 * time.Millisecond
	}, holds: most(breakdown.DB, breakdown.Query)},
}

// most checks that a bucket has the most time of all buckets but those of the
// processor, of which a machine may have few, and that a phase has the most time of
// the bucket.
func most(bucket breakdown.Bucket, phase breakdown.Phase) func(*testing.T, *breakdown.Endpoint) {
	return func(t *testing.T, e *breakdown.Endpoint) {
		for _, b := range e.Buckets {
			if processor := b.Bucket == breakdown.CPU || b.Bucket == breakdown.GC || b.Bucket == breakdown.Scheduler; !processor && b.Total > e.Buckets[bucket].Total {
				t.Errorf("%s has %d ns, %s only %d", b.Bucket, b.Total, bucket, e.Buckets[bucket].Total)
			}
		}
		top := breakdown.PhaseTime{}
		for _, p := range e.Buckets[bucket].Phases {
			if p.Total > top.Total {
				top = p
			}
		}
		if top.Phase != phase {
			t.Errorf("of %s most is %q, not %q", bucket, top.Phase, phase)
		}
	}
}

var decode = vin.Endpoint

// TestTheToolAgreesWithTheService runs the service in each state, with a real
// PostgreSQL and eight clients in a closed loop, and compares the analysis of its
// trace with its own stopwatches.
func TestTheToolAgreesWithTheService(t *testing.T) {
	dsn := testpg.Start(t)
	exe := testbin.Build(t, "cmd/vinservice")
	var rows []accuracy.Row
	var states []state
	for _, s := range scenarios {
		if !s.sample && !*whole {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			state := measure(t, s, exe, dsn)
			rows, states = append(rows, state.row), append(states, state)
		})
	}
	fmt.Printf("\n%s\n", accuracy.Table(rows))
	for _, err := range accuracy.CheckCuts(rows) {
		t.Error(err)
	}
	for i := range states {
		for j := range states {
			if i != j {
				t.Run(rows[i].Scenario+" to "+rows[j].Scenario, func(t *testing.T) { changed(t, &states[i], &states[j]) })
			}
		}
	}
	if *write && *whole && !t.Failed() {
		publish(t, rows)
	}
}

// publish writes the table of all states into ACCURACY.md.
func publish(t *testing.T, rows []accuracy.Row) {
	for i := range rows {
		rows[i].Scenario = scenarios[i].title
	}
	table := accuracy.Grid("state of the service", rows, true, accuracy.Column{Title: "database", Bucket: breakdown.DB},
		accuracy.Column{Title: "upstream", Bucket: breakdown.Upstream}, accuracy.Column{Title: "lock", Bucket: breakdown.Lock})
	if err := accuracy.Publish("../services/ACCURACY.md", "states", table); err != nil {
		t.Error(err)
	}
}

// A state is the measurement of the service in one setting.
type state struct {
	row  accuracy.Row
	said *breakdown.Breakdown
	// The standard error of the mean wall time, as measured by the service.
	uncertain float64
}

// uncertainty returns the standard error of the mean of the requests' wall times. A
// noisy neighbor slows many requests in a row, so it is computed from the means of
// the window's tenths, not from single requests.
func uncertainty(requests []truth.Request, start, end int64) float64 {
	const parts = 10
	var sum, n [parts]float64
	for _, r := range requests {
		if r.Start >= start && r.End <= end {
			i := min(parts*(r.Start-start)/(end-start), parts-1)
			sum[i] += float64(r.Wall())
			n[i]++
		}
	}
	var means []float64
	total := 0.0
	for i := range sum {
		if n[i] > 0 {
			means = append(means, sum[i]/n[i])
			total += sum[i] / n[i]
		}
	}
	count, squares := float64(len(means)), 0.0
	for _, m := range means {
		squares += (m - total/count) * (m - total/count)
	}
	return math.Sqrt(squares / (count - 1) / count)
}

// changed checks the comparison of two states against the service's measurements:
// the direction of the change in wall time, and the bucket with most of it. The interval
// that the requests give must exclude none, if the change is five times the uncertainty
// of the service's own measurements: a neighbor that takes the cores in half of a window
// changes more than a state of the service does.
func changed(t *testing.T, one, other *state) {
	before, after := &one.row, &other.row
	uncertain := math.Hypot(one.uncertain, other.uncertain)
	c, err := analyze.Changes(one.said, other.said, analyze.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(c.Endpoints, func(e breakdown.EndpointChange) bool { return e.Name == decode })
	if i < 0 || c.Endpoints[i].Status != "both" {
		t.Fatalf("%s was not compared: %+v", decode, c.Endpoints)
	}
	e := &c.Endpoints[i]
	wall := after.Wall.Service - before.Wall.Service
	if w := e.Wall[0]; max(wall, -wall) > before.Wall.Service/10 && (w.Delta > 0) != (wall > 0) {
		t.Errorf("the service's requests took %d ns longer, the comparison says %d", wall, w.Delta)
	} else if max(wall, -wall) > before.Wall.Service/4 && math.Abs(float64(wall)) > 5*uncertain && w.Low <= 0 && w.High >= 0 {
		t.Errorf("a change of %d ns, to %.0f, is within the interval of none: %+v", wall, uncertain, w)
	}
	// The bucket that changed by far the most in the service must be on top.
	var deltas []int64
	most := breakdown.DB
	size := func(b breakdown.Bucket) int64 {
		d := after.Measured[b].Service - before.Measured[b].Service
		return max(d, -d)
	}
	for b := range breakdown.NumBuckets {
		deltas = append(deltas, size(b))
		if size(b) > size(most) {
			most = b
		}
	}
	slices.Sort(deltas)
	if first, second := deltas[len(deltas)-1], deltas[len(deltas)-2]; 2*first < 3*second || first < 5_000_000 {
		return
	}
	top := slices.MaxFunc(e.Buckets, func(x, y breakdown.BucketChange) int {
		return cmp.Compare(max(x.Delta, -x.Delta), max(y.Delta, -y.Delta))
	})
	if top.Bucket != most {
		t.Errorf("the service measured the most change in %s, the comparison has %d ns in %s on top", most, top.Delta, top.Bucket)
	}
}

func measure(t *testing.T, s scenario, exe, dsn string) state {
	c := stack.Default()
	c.Service.Postgres, c.Service.SlowDB = dsn, 4*time.Millisecond
	s.set(&c)
	st, err := stack.Start(t.Context(), exe, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Stop(); err != nil {
			t.Error(err)
		}
	}()
	m := record(t, st)
	row, broken := m.compare(s.name)
	for _, err := range broken {
		t.Error(err)
	}
	m.judge(t, s)
	return state{row, m.said.Breakdown, uncertainty(m.facts.Requests, m.said.Start, m.said.End)}
}

// A measurement is what was measured of one state of the service.
type measurement struct {
	capture *capture.Capture
	said    *accuracy.Analysis
	clients []load.Request
	count   int // of requests sent
	facts   *truth.Truth
}

// record puts the service under load, takes a trace of it, and asks the service for
// its measurements.
func record(t *testing.T, st *stack.Stack) *measurement {
	if err := st.ResetTruth(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var client *load.Result
	loaded := make(chan error, 1)
	go func() {
		var err error
		client, err = st.Load(ctx, load.Config{Connections: 8, Duration: 8 * time.Second, Keep: 1 << 16})
		loaded <- err
	}()
	path := filepath.Join(t.TempDir(), "case.zip")
	for { // until the load has begun
		facts, err := st.Truth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(facts.Requests) > 20 {
			break
		}
	}
	collectInto(t, st, path)
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	facts, err := st.Truth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if facts.Dropped > 0 || client.Failed > 0 || client.Dropped > 0 {
		t.Fatalf("not all was kept: %d requests dropped by the service, %d by the load; %d failed: %s", facts.Dropped, client.Dropped, client.Failed, client.Error)
	}
	m := &measurement{capture: open(t, path), clients: client.Requests, count: client.Count, facts: facts}
	probes, err := m.capture.Probes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range probes {
		m.clients = append(m.clients, load.Request{Status: p.Status, Start: p.Start, End: p.End})
	}
	if m.said, err = accuracy.Analyze(t.Context(), m.capture, analyze.Options{}); err != nil {
		t.Fatal(err)
	}
	return m
}

// collectInto makes a capture as the command does, with probes.
func collectInto(t *testing.T, st *stack.Stack, path string) {
	target, err := collect.ParseTarget(st.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	cfg := collect.Config{Target: target, Window: 5 * time.Second, Probing: collect.Probing{
		URLs: []string{st.Route()}, Values: map[string][]string{"vin": vin.Numbers()},
	}}
	if _, err := collect.Run(t.Context(), cfg, path); err != nil {
		t.Fatal(err)
	}
}

// compare compares the requests one by one with the service's.
func (m *measurement) compare(name string) (accuracy.Row, []error) {
	row := accuracy.Compare(name, m.said.Of(decode), m.facts.Requests, waits, m.clients, m.said.Start, m.said.End)
	row.Machine = accuracy.NewMachine(m.facts.Totals, m.count)
	broken := append(row.Check(), row.CheckCut()...)
	if err := accuracy.Spent([]accuracy.Row{row}, m.count, &m.facts.Totals); err != nil {
		broken = append(broken, err)
	}
	return row, broken
}

// judge checks the answer as a user sees it.
func (m *measurement) judge(t *testing.T, s scenario) {
	e := endpoint(t, m.said.Breakdown)
	s.holds(t, e)
	// The number of probes in a window depends on how fast they are answered.
	if c := e.Client; c == nil || c.Probes < 5 || c.Matched < c.Probes-c.Probes/10 || e.Route != "GET /v1/vin/{vin}" {
		t.Errorf("the probes were matched as %+v, to the route %q", c, e.Route)
	}
	alone(t, m.capture, m.said.Breakdown)
}

func open(t *testing.T, path string) *capture.Capture {
	cp, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cp.Close() })
	return cp
}

func endpoint(t *testing.T, b *breakdown.Breakdown) *breakdown.Endpoint {
	for i := range b.Endpoints {
		if b.Endpoints[i].Name == decode {
			return &b.Endpoints[i]
		}
	}
	t.Fatalf("there is no endpoint %s", decode)
	return nil
}

// alone checks that the capture's trace alone gives the same endpoints and buckets,
// except for what the probes add.
func alone(t *testing.T, cp *capture.Capture, whole *breakdown.Breakdown) {
	from, err := cp.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(t.TempDir(), capture.TracePart)
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	bare, err := analyze.Captures(t.Context(), []*capture.Capture{open(t, path)}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*breakdown.Breakdown{whole, bare} {
		for i := range b.Endpoints {
			e := &b.Endpoints[i]
			e.Route, e.Client = "", nil
			for j := range e.CPU {
				e.CPU[j].Self = 0 // the sampling period is in the CPU profile
			}
		}
	}
	if want, got := encoded(t, whole.Endpoints), encoded(t, bare.Endpoints); got != want {
		t.Errorf("the trace alone gives\n%s\nwhere the capture gave\n%s", got, want)
	}
}

func encoded(t *testing.T, v any) string {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// waits maps the VIN service's steps to buckets. Single upstream calls may overlap,
// so only the step around all of them is compared.
func waits(kind truth.Kind) (accuracy.Phase, bool) {
	bucket, ok := map[truth.Kind]breakdown.Bucket{
		truth.DB: breakdown.DB, truth.Upstreams: breakdown.Upstream, truth.Lock: breakdown.Lock,
	}[kind]
	return accuracy.Phase{Bucket: bucket}, ok
}

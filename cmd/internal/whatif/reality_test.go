package whatif

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/testpg"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
)

var (
	whole    = flag.Bool("whole", false, "make the changes in real services: 20 rows, some minutes each")
	captures = flag.Int("captures", 6, "captures a side")
	window   = flag.Duration("window", 5*time.Second, "window of a capture")
	rows     = flag.String("rows", ".", "the rows whose name matches")
	keep     = flag.String("keep", "", "keep the captures in this `folder`")
)

// A row is one change: how it is predicted, and how it is made.
type row struct {
	name string
	// changes are what the prediction is told, in the words of timesink whatif.
	changes []asked
	// before and after are the service without and with the change.
	before, after side
	// otherSide is set if the trace cannot tell how the other system takes it.
	otherSide bool
}

// An asked change names its place.
type asked struct {
	kind   replay.Kind
	at     string
	factor float64
	number int
}

// A side is a service under load. start returns its URL to load and that of its pprof.
type side struct {
	start       func(t *testing.T) (url, pprof string)
	connections int
}

// decoder is a side that is the VIN service.
func decoder(connections int, set func(*stack.Config)) side {
	return side{connections: connections, start: func(t *testing.T) (string, string) {
		c := stack.Default()
		c.Service.KeepAlive = true
		set(&c)
		s, err := stack.Start(t.Context(), testbin.Build(t, "cmd/vinservice"), nil, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Stop() })
		return s.Route(), s.Pprof
	}}
}

// tuned is a side that is the command of that name, with the upstreams of the VIN service.
func tuned(connections int, path string, flags ...string) side {
	return side{connections: connections, start: func(t *testing.T) (string, string) {
		var upstream vin.Ready
		start(t, testbin.Build(t, "cmd/vinservice"), &upstream, "upstreams", "--leash")
		var ready struct{ URL string }
		start(t, testbin.Build(t, "cmd/internal/whatif/tuned"), &ready, append([]string{"--upstream", upstream.URL + "/recalls/1HGCM82633A004352"}, flags...)...)
		return ready.URL + path, ready.URL
	}}
}

// asking is a side that calls an upstream and then a database, which answers a query.
func asking(connections int, base time.Duration, postgres func(testing.TB) string, query string) side {
	return side{connections: connections, start: func(t *testing.T) (string, string) {
		var upstream vin.Ready
		start(t, testbin.Build(t, "cmd/vinservice"), &upstream, append([]string{"upstreams", "--leash"}, vin.Args(vin.UpstreamsConfig{Listen: "127.0.0.1:0", Base: base, Noise: base, Seed: 1})...)...)
		var ready struct{ URL string }
		start(t, testbin.Build(t, "cmd/internal/whatif/tuned"), &ready, "--upstream", upstream.URL+"/recalls/1HGCM82633A004352", "--postgres", postgres(t), "--query", query)
		return ready.URL + "/lookup", ready.URL
	}}
}

func start(t *testing.T, exe string, ready any, args ...string) {
	t.Helper()
	p, err := child.Start(t.Context(), exe, args, ready)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
}

func same(*stack.Config) {}

// The queries of the rows about the pace of a database: one that computes, and one that waits
// for its turn.
const (
	computes = "SELECT count(*) FROM generate_series(1, 60000)"
	inTurn   = "SELECT pg_advisory_xact_lock(1), pg_sleep(0.005)"
)

// reality is the table.
var reality = []row{
	{"sequential calls made concurrent", []asked{{kind: replay.Concurrent, at: "vin.(*API).fetch"}}, decoder(2, same), decoder(2, func(c *stack.Config) { c.Service.Calls = vin.Concurrent }), false},
	{"connections kept", []asked{{kind: replay.Reuse}}, decoder(2, func(c *stack.Config) { c.Service.KeepAlive = false }), decoder(2, same), false},
	{"connections kept, calls concurrent", []asked{{kind: replay.Reuse}, {kind: replay.Concurrent, at: "vin.(*API).fetch"}},
		decoder(2, func(c *stack.Config) { c.Service.KeepAlive = false }), decoder(2, func(c *stack.Config) { c.Service.Calls = vin.Concurrent }), false},
	{"a slow database made fast", []asked{{kind: replay.Scale, at: "db", factor: 2.0 / 42}}, decoder(4, slowDB(40*time.Millisecond)), decoder(4, same), false},
	{"a pool of 1 made 2, 4 clients", []asked{{kind: replay.Pool, at: "db", number: 2}}, decoder(4, pool(1)), decoder(4, pool(2)), true},
	{"a pool of 2 made 4, 8 clients", []asked{{kind: replay.Pool, at: "db", number: 4}}, decoder(8, pool(2)), decoder(8, pool(4)), true},
	{"a pool of 1 made 8, 8 clients", []asked{{kind: replay.Pool, at: "db", number: 8}}, decoder(8, pool(1)), decoder(8, pool(8)), true},
	{"a lock removed", []asked{{kind: replay.NoLock, at: "vin.(*Store).Vehicle"}}, decoder(6, locked(15*time.Millisecond)), decoder(6, slowDB(15*time.Millisecond)), true},
	{"a lock held for half as long", []asked{{kind: replay.Scale, at: "db", factor: 0.5}}, decoder(6, locked(18*time.Millisecond)), decoder(6, locked(8*time.Millisecond)), false},
	{"GOMAXPROCS 1 made 2", []asked{{kind: replay.Procs, number: 2}}, decoder(4, procs(1)), decoder(4, procs(2)), false},
	{"twice the clients", []asked{{kind: replay.Rate, factor: 2}}, decoder(2, pool(2)), decoder(4, pool(2)), true},
	{"2 workers made 4", []asked{{kind: replay.Workers, at: "main.(*service).work", number: 4}}, tuned(8, "/jobs", "--workers=2"), tuned(8, "/jobs", "--workers=4"), true},
	{"one call for all items", []asked{{kind: replay.Once, at: "main.(*service).fetch"}}, tuned(2, "/items", "--items=5"), tuned(2, "/items", "--items=1"), false},
	{"a pause halved", []asked{{kind: replay.Scale, at: "main.(*service).rest", factor: 0.5}}, tuned(2, "/again", "--pause=60ms"), tuned(2, "/again", "--pause=30ms"), false},
	{"no garbage", []asked{{kind: replay.Scale, at: "gc"}}, tuned(4, "/garbage", "--garbage=4"), tuned(4, "/garbage", "--garbage=0"), false},
	{"a slow database made fast, calls concurrent", []asked{{kind: replay.Scale, at: "db", factor: 2.0 / 42}, {kind: replay.Concurrent, at: "vin.(*API).fetch"}},
		decoder(3, slowDB(40*time.Millisecond)), decoder(3, func(c *stack.Config) { c.Service.Calls = vin.Concurrent }), false},
	{"half the clients of a busy database", []asked{{kind: replay.Rate, factor: 0.5}}, asking(8, 15*time.Millisecond, testpg.StartOnOneCore, computes), asking(4, 15*time.Millisecond, testpg.StartOnOneCore, computes), false},
	{"a fast upstream before a busy database", []asked{{kind: replay.Scale, at: "upstream", factor: 0.5}}, asking(6, 20*time.Millisecond, testpg.StartOnOneCore, computes), asking(6, 10*time.Millisecond, testpg.StartOnOneCore, computes), false},
	{"half the clients of a locked database", []asked{{kind: replay.Rate, factor: 0.5}}, asking(8, 15*time.Millisecond, testpg.Start, inTurn), asking(4, 15*time.Millisecond, testpg.Start, inTurn), false},
	{"a fast upstream before a locked database", []asked{{kind: replay.Scale, at: "upstream", factor: 0.5}}, asking(6, 20*time.Millisecond, testpg.Start, inTurn), asking(6, 10*time.Millisecond, testpg.Start, inTurn), false},
}

func slowDB(d time.Duration) func(*stack.Config) {
	return func(c *stack.Config) { c.Service.SlowDB = d }
}

func locked(d time.Duration) func(*stack.Config) {
	return func(c *stack.Config) { c.Service.SlowDB, c.Service.HoldLock = d, true }
}

func pool(n int) func(*stack.Config) {
	return func(c *stack.Config) { c.Service.SlowDB, c.Service.Pool = 20*time.Millisecond, n }
}

func procs(n int) func(*stack.Config) {
	return func(c *stack.Config) {
		c.Service.Procs, c.Service.CPU, c.Upstreams.Base, c.Upstreams.Noise = n, 12*time.Millisecond, time.Millisecond, time.Millisecond/2
	}
}

// The bounds of the table, beyond the half-width of what was measured.
const (
	offMean, offP95 = 0.10, 0.15
	mostFailing     = 8 // one in so many may be off
)

// TestPredictionsComeTrue predicts from captures of before, makes the change, and measures.
func TestPredictionsComeTrue(t *testing.T) {
	if !*whole {
		return // identity_test.go tests the replay on recorded captures
	}
	match := regexp.MustCompile(*rows)
	n, failed := 0, 0
	for _, r := range reality {
		if !match.MatchString(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			n++
			ok, line := r.measure(t)
			fmt.Println(line)
			if !ok {
				failed++
			}
		})
	}
	if mostFailing*failed > n {
		t.Errorf("%d of %d predictions are off", failed, n)
	}
}

// quantities are what is compared.
var quantities = []struct {
	name string
	of   func(*breakdown.Predicted) int64
	off  float64
}{
	{"mean", func(p *breakdown.Predicted) int64 { return p.Mean }, offMean},
	{"p50", func(p *breakdown.Predicted) int64 { return p.P50 }, offMean},
	{"p95", func(p *breakdown.Predicted) int64 { return p.P95 }, offP95},
}

// measure predicts and measures a row, side by side.
func (r *row) measure(t *testing.T) (ok bool, line string) {
	var urls, pprofs [2]string
	for i, s := range []side{r.before, r.after} {
		urls[i], pprofs[i] = s.start(t)
	}
	predicted, was, is := make([][]float64, len(quantities)), make([][]float64, len(quantities)), make([][]float64, len(quantities))
	for range *captures {
		for i, s := range []side{r.before, r.after} {
			replays := replayOf(t, take(t, urls[i], pprofs[i], s.connections))
			o := replay.Options{}
			if i == 0 {
				o = r.options(t, replays)
			}
			p, err := replays.Predict(o)
			if err != nil || len(p.Endpoints) == 0 {
				t.Fatalf("no prediction: %v", err)
			}
			for k, q := range quantities {
				if i == 0 {
					predicted[k] = append(predicted[k], float64(q.of(&p.Endpoints[0].After)))
					was[k] = append(was[k], float64(q.of(&p.Endpoints[0].Before)))
				} else {
					is[k] = append(is[k], float64(q.of(&p.Endpoints[0].Before)))
				}
			}
		}
	}
	ok, line = true, fmt.Sprintf("%-44s", r.name)
	out := result{Row: r.name, OtherSide: r.otherSide, Captures: *captures}
	for _, c := range r.changes {
		out.Kinds = append(out.Kinds, c.kind.String())
	}
	for k, q := range quantities {
		p, m, half := mean(predicted[k]), mean(is[k]), halfWidth(is[k])
		off := p/m - 1
		switch q.name {
		case "mean":
			out.Mean, out.Half = rounded(off), rounded(half/m)
			out.Was, out.Predicted, out.Is = math.Round(mean(was[k])), math.Round(p), math.Round(m)
		case "p50":
			out.P50 = rounded(off)
		case "p95":
			out.P95 = rounded(off)
		}
		mark := " "
		if math.Abs(off) > q.off+half/m {
			ok, mark = false, "✗"
		}
		if wrongSign(was[k], is[k], p) {
			ok, mark = false, "✗ wrong sign"
		}
		line += fmt.Sprintf("  %s %6.1f → predicted %6.1f, measured %6.1f ± %4.1f%% %+6.1f%%%s", q.name, mean(was[k])/1e6, p/1e6, m/1e6, 100*half/m, 100*off, mark)
	}
	out.add(t)
	return ok, line
}

func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// clear is the share of a quantity from which a measured change has a sign.
const clear = 0.03

// wrongSign reports whether a prediction goes the other way than what was measured, where
// that is a change beyond doubt: its interval excludes that it is within clear.
func wrongSign(was, is []float64, predicted float64) bool {
	from, to := mean(was), mean(is)
	half := math.Hypot(halfWidth(was), halfWidth(is))
	low, high := (to-from-half)/from, (to-from+half)/from
	return low > clear && predicted < from || high < -clear && predicted > from
}

func TestWrongSigns(t *testing.T) {
	steady := func(ns float64) []float64 { return []float64{ns * 0.999, ns, ns * 1.001} }
	for _, c := range []struct {
		name      string
		was, is   []float64
		predicted float64
		want      bool
	}{
		{"slower, predicted faster", steady(100), steady(120), 90, true},
		{"faster, predicted slower", steady(100), steady(80), 101, true},
		{"faster, predicted so", steady(100), steady(80), 99, false},
		{"too small a change", steady(100), steady(102.5), 90, false},
		{"too uncertain a change", []float64{60, 100, 140}, []float64{90, 120, 150}, 90, false},
	} {
		if got := wrongSign(c.was, c.is, c.predicted); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func (r *row) options(t *testing.T, a *analyze.Replay) (o replay.Options) {
	for _, c := range r.changes {
		target := replay.Target{}
		if c.at != "" {
			var err error
			if target, err = a.Resolve(c.at); err != nil {
				var ambiguous *replay.AmbiguousError
				errors.As(err, &ambiguous)
				t.Fatalf("%v: %+v", err, ambiguous)
			}
		}
		o.Changes = append(o.Changes, replay.Change{Kind: c.kind, Target: target, Factor: c.factor, Number: c.number})
	}
	return o
}

// take takes a capture of a service under load.
func take(t *testing.T, url, pprof string, connections int) string {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- child.Output(ctx, testbin.Build(t, "cmd/vinservice"), append([]string{"load", "--leash"}, vin.Args(load.Config{URL: url, Connections: connections, Keep: 1, Insecure: true})...), new(load.Result))
	}()
	defer func() {
		cancel()
		<-ended
	}()
	target, err := collect.ParseTarget(pprof)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "case.zip")
	if *keep != "" {
		path = filepath.Join(*keep, fmt.Sprintf("%s-%d.zip", filepath.Base(t.Name()), time.Now().UnixNano()))
	}
	if _, err := collect.Run(ctx, collect.Config{Target: target, Window: *window}, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// halfWidth returns half of the 95% interval of a mean of few values.
func halfWidth(list []float64) float64 {
	student := []float64{0, 0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26}
	n := len(list)
	if n < 2 {
		return 0
	}
	squares := 0.0
	for _, v := range list {
		squares += (v - mean(list)) * (v - mean(list))
	}
	return student[min(n, len(student)-1)] * math.Sqrt(squares/float64(n-1)/float64(n))
}

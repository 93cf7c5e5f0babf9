//go:build servers

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/collect"
	"timesink/collect/capture"
)

func TestMain(m *testing.M) { testbin.Main(m) }

var keep = flag.String("keep", "", "keep the captures in this `folder`")

var write = flag.Bool("write", false, "write the table into ACCURACY.md unless a bound is broken")

var captures = flag.Int("captures", 0, "take that many `captures` of each mix; 0 means one of a few mixes")

var again = flag.String("again", "", "take no captures but those that -keep left in this `folder`")

// A kind is what the clients ask of one handler.
type kind struct {
	handler string
	weight  int                                       // of its requests among all
	request func(*rand.Rand) (compute, sleep float64) // ms
}

// even spreads CPU times by half around a mean.
func even(mean float64) func(*rand.Rand) (float64, float64) {
	return func(r *rand.Rand) (float64, float64) { return mean * (0.5 + r.Float64()), 0 }
}

// some requests of a handler sleep, others do not.
func some(share, mean, sleep float64) func(*rand.Rand) (float64, float64) {
	return func(r *rand.Rand) (float64, float64) {
		compute, _ := even(mean)(r)
		if r.Float64() < share {
			return compute, sleep
		}
		return compute, 0
	}
}

// wide spreads CPU times by factors.
func wide(median, deviation float64) func(*rand.Rand) (float64, float64) {
	return func(r *rand.Rand) (float64, float64) { return median * math.Exp(deviation*r.NormFloat64()), 0 }
}

// A mix is kinds of requests that take turns on the same connections.
type mix struct {
	name  string
	kinds []kind
	// sharp is set if the width of intervals is bounded, brief if the mix is always
	// measured.
	sharp, brief bool
}

var mixes = []mix{
	{"one that never blocks", []kind{{"first", 1, even(1)}}, true, true},
	{"a lock", []kind{{"locked", 1, even(1.5)}}, true, false},
	{"some block", []kind{{"first", 1, some(0.3, 1, 5)}}, true, false},
	{"four", []kind{{"first", 3, even(8)}, {"second", 6, even(3)}, {"third", 8, even(1.2)}, {"fourth", 8, even(0.4)}}, true, true},
	{"five", []kind{{"first", 1, even(6.4)}, {"second", 2, even(3.2)}, {"third", 3, even(1.6)}, {"fourth", 4, even(0.8)}, {"fifth", 4, even(0.4)}}, true, false},
	{"four, of which some block", []kind{{"first", 2, some(0.5, 4, 5)}, {"second", 4, even(2)}, {"third", 5, some(0.2, 1, 2)}, {"locked", 5, even(0.5)}}, true, false},
	{"wide", []kind{{"first", 1, wide(3, 0.7)}, {"second", 3, wide(1, 0.7)}, {"third", 3, wide(0.5, 0.7)}}, false, false},
}

const (
	window      = 5 * time.Second
	connections = 4
)

// A turn is a connection on which kinds of requests take turns at random.
type turn struct {
	load.Session
	mix *mix
	rng *rand.Rand
}

func (s *turn) Get(ctx context.Context, url string) (int, error) {
	sum := 0
	for _, k := range s.mix.kinds {
		sum += k.weight
	}
	at := s.rng.IntN(sum)
	for _, k := range s.mix.kinds {
		if at -= k.weight; at < 0 {
			compute, sleep := k.request(s.rng)
			return s.Session.Get(ctx, fmt.Sprintf("%s/%s?compute=%.0f&sleep=%.0f", url, k.handler, 1000*compute, 1000*sleep))
		}
	}
	panic("unreachable")
}

// observe takes a capture of a service under load and returns its path. The stopwatches
// of the service are kept beside it.
func observe(t *testing.T, m *mix, seed uint64) (path string) {
	var url string
	service := testbin.Start(t, testbin.Build(t, "cmd/internal/computing"), nil, &url)
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan error, 1)
	go func() {
		nth := uint64(0)
		_, err := load.Run(ctx, load.Config{URL: url, Connections: connections, Open: func() load.Session {
			s, err := (&load.Config{URL: url}).Session()
			if err != nil {
				panic(err) // the URL is our own
			}
			nth++
			return &turn{s, m, rand.New(rand.NewPCG(seed, nth))}
		}})
		loaded <- err
	}()
	time.Sleep(200 * time.Millisecond)
	target, err := collect.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(cmp.Or(*keep, t.TempDir()), fmt.Sprintf("%s-%d-%d.zip", m.name, seed, time.Now().Unix()))
	if _, err := collect.Run(t.Context(), collect.Config{Target: target, Window: window}, path); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + "/truth")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	truth, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(truthOf(path), truth, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := service.Stop(); err != nil {
		t.Fatal(err)
	}
	return path
}

// truthOf returns the path of the stopwatches of a capture.
func truthOf(path string) string { return strings.TrimSuffix(path, ".zip") + ".truth.json" }

// analyzed returns the answer about a capture, and the wall times of the requests in the
// window, by the handler whose stopwatch ran.
func analyzed(t *testing.T, path string) (*breakdown.Breakdown, map[string][]int64) {
	cp, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, err := accuracy.Analyze(t.Context(), cp, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	truth, err := os.ReadFile(truthOf(path))
	if err != nil {
		t.Fatal(err)
	}
	var all []Timed
	if err := json.Unmarshal(truth, &all); err != nil {
		t.Fatal(err)
	}
	return said.Breakdown, wallsOf(t, said.Requests, all)
}

// kept returns the paths of the captures of a mix that an earlier run has left.
func kept(t *testing.T, m *mix) (paths []string) {
	all, err := filepath.Glob(filepath.Join(*again, "*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if prefix := m.name + "-"; strings.HasPrefix(filepath.Base(path), prefix) {
			paths = append(paths, path)
		}
	}
	return paths
}

// wallsOf returns the wall times of the requests by handler, ascending: how long the
// server took for them, around the stopwatches.
func wallsOf(t *testing.T, requests []accuracy.Request, timed []Timed) map[string][]int64 {
	byG := map[int64][]Timed{}
	for _, w := range timed {
		byG[w.Goroutine] = append(byG[w.Goroutine], w) // in the order of their end
	}
	walls, unmatched := map[string][]int64{}, 0
	for i := range requests {
		r := &requests[i]
		if r.Incomplete {
			continue
		}
		own := byG[r.Goroutine]
		at, _ := slices.BinarySearchFunc(own, r.Start, func(w Timed, start int64) int { return cmp.Compare(w.End, start) })
		if at == len(own) || own[at].Start > r.End {
			unmatched++
			continue
		}
		walls[own[at].Handler] = append(walls[own[at].Handler], r.End-r.Start)
	}
	if unmatched > 0 {
		t.Errorf("%d requests ran no stopwatch", unmatched)
	}
	for _, w := range walls {
		slices.Sort(w)
	}
	return walls
}

// A tally counts how many intervals hold the truth.
type tally struct {
	requests, known            int64
	all, count, mean, p50, p95 int
	widest                     float64 // in 1/root(samples)
	widths                     float64 // their sum, of the number measured
	measured                   int
}

func (s *tally) add(o *tally) {
	s.all, s.count, s.mean, s.p50, s.p95 = s.all+o.all, s.count+o.count, s.mean+o.mean, s.p50+o.p50, s.p95+o.p95
}

// row returns a line of the table.
func (s *tally) row(name string) string {
	of := func(held int) string { return fmt.Sprintf("%d of %d", held, s.all) }
	width := ""
	if s.measured > 0 {
		width = fmt.Sprintf("%.2f", s.widths/float64(s.measured))
	}
	return fmt.Sprintf("| %s | %d | %.0f%% | %s | %s | %s | %s | %s |\n", name, s.requests, 100*float64(s.known)/float64(max(s.requests, 1)),
		of(s.count), of(s.mean), of(s.p50), of(s.p95), width)
}

// TestRequestsThatNeverBlockAreInferred compares the answer with what the handlers noted.
// Intervals hold with 95%, so each single one is held against that for 99.9%, and 9 of 10
// of those of many captures against the intervals as they are.
func TestRequestsThatNeverBlockAreInferred(t *testing.T) {
	var total tally
	table := "| mix | requests | known | count | mean | p50 | p95 | half-width |\n|---|---|---|---|---|---|---|---|\n"
	for i := range mixes {
		m := &mixes[i]
		if *captures == 0 && *again == "" && !m.brief {
			continue
		}
		var sum tally
		t.Run(m.name, func(t *testing.T) {
			judge := func(b *breakdown.Breakdown, truth map[string][]int64) {
				checkRows(t, b)
				for _, k := range m.kinds {
					check(t, b, m, k.handler, truth[k.handler], &sum)
				}
			}
			if *again != "" {
				for _, path := range kept(t, m) {
					judge(analyzed(t, path))
				}
				return
			}
			for n := range max(*captures, 1) {
				b, truth := analyzed(t, observe(t, m, uint64(n+1)))
				for range 2 {
					if *captures == 0 && crowded(b) { // other processes may be done by now
						b, truth = analyzed(t, observe(t, m, uint64(n+1)))
					}
				}
				judge(b, truth)
			}
		})
		table += sum.row(m.name)
		total.add(&sum)
	}
	fmt.Printf("\n%s\n", table)
	for _, held := range []int{total.count, total.mean, total.p50, total.p95} {
		if (*captures >= 5 || *again != "") && 10*held < 9*total.all {
			t.Errorf("the truth is in %d of %d intervals", held, total.all)
		}
	}
	if *write && *captures > 0 && !t.Failed() {
		if err := accuracy.Publish("../services/ACCURACY.md", "inferred", table); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRows checks that each handler has one row, and that few requests are unnamed if
// the service had its cores for itself.
func checkRows(t *testing.T, b *breakdown.Breakdown) {
	all, unnamed := int64(0), int64(0)
	rows := map[string]int{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		all += e.Requests
		if e.Name == breakdown.Unnamed {
			unnamed += e.Requests
		}
		if e.Requests > 0 {
			rows[e.Name]++
		}
	}
	if 50*unnamed > all && !crowded(b) {
		t.Errorf("%d of %d requests stay unnamed", unnamed, all)
	}
	for name, n := range rows {
		if n > 1 {
			t.Errorf("%s stands in %d rows", name, n)
		}
	}
}

func check(t *testing.T, b *breakdown.Breakdown, m *mix, handler string, walls []int64, sum *tally) {
	i := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return strings.HasSuffix(e.Name, "."+handler) })
	if i < 0 || len(walls) == 0 {
		t.Errorf("%s: %d requests, none in the answer", handler, len(walls))
		return
	}
	e := &b.Endpoints[i]
	n, total := int64(len(walls)), int64(0)
	for _, w := range walls {
		total += w
	}
	mean, samples := total/n, int64(0)
	at := func(q float64) int64 { return walls[min(max(int(math.Ceil(q*float64(n)))-1, 0), int(n)-1)] }
	for _, f := range e.CPU {
		samples += f.Samples
	}
	exact := breakdown.Interval{e.Requests, e.Requests}
	count := in(e.RequestsCI95, exact)
	meanIn := in(e.Wall.MeanCI95, breakdown.Interval{e.Wall.Mean, e.Wall.Mean})
	p50, p95 := in(e.Wall.P50CI95, breakdown.Interval{e.Wall.P50, e.Wall.P50}), in(e.Wall.P95CI95, breakdown.Interval{e.Wall.P95, e.Wall.P95})
	t.Logf("%s: %d requests, said %d (%d known, %d samples) %v; mean %d µs, said %d %v; p50 %d, said %d %v; p95 %d, said %d %v", handler, n, e.Requests, e.Known, samples, count,
		mean/1000, e.Wall.Mean/1000, micro(meanIn), at(0.5)/1000, e.Wall.P50/1000, micro(p50), at(0.95)/1000, e.Wall.P95/1000, micro(p95))
	sum.all++
	sum.requests, sum.known = sum.requests+n, sum.known+e.Known
	score := func(ok bool, held *int) {
		if ok {
			*held++
		}
	}
	score(holds(count, n, n, 1), &sum.count)
	score(holds(meanIn, mean, mean, 1), &sum.mean)
	score(holds(p50, at(0.49), at(0.51), 1), &sum.p50)
	score(holds(p95, at(0.94), at(0.96), 1), &sum.p95)
	if samples >= 30 {
		for _, w := range []float64{width(count, n), width(meanIn, mean)} {
			w *= math.Sqrt(float64(samples))
			sum.widest, sum.widths, sum.measured = max(sum.widest, w), sum.widths+w, sum.measured+1
			if w > 2.5 && m.sharp && !crowded(b) {
				t.Errorf("%s: an interval is %.2f/root(%d) wide to each side", handler, w, samples)
			}
		}
	}
	wider := 1.8 // 99.9% for 95%, and a little more
	if crowded(b) {
		wider = 3
	}
	if !holds(count, n, n, wider) {
		t.Errorf("%s: %d requests, not in %v", handler, n, count)
	}
	if !holds(meanIn, mean, mean, wider) {
		t.Errorf("%s: a mean of %d µs, not in %v", handler, mean/1000, micro(meanIn))
	}
	if len(m.kinds) == 1 {
		for _, f := range []struct {
			name       string
			said, true int64
		}{{"count", e.Requests, n}, {"mean", e.Wall.Mean, mean}, {"p95", e.Wall.P95, at(0.95)}} {
			if 20*abs(f.said-f.true) > f.true {
				t.Errorf("%s: the %s is %d, not %d", handler, f.name, f.said, f.true)
			}
		}
	}
}

// crowded reports whether the kernel took cores away: the samples account for less of the
// running time than with a core for every thread. Intervals are wider then.
func crowded(b *breakdown.Breakdown) bool {
	ran, sampled := int64(0), int64(0)
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		ran += e.Buckets[breakdown.CPU].Total
		for _, f := range e.CPU {
			sampled += f.Self
		}
	}
	return 6*sampled < 5*ran
}

func abs(x int64) int64 { return max(x, -x) }

func in(r *breakdown.Interval, or breakdown.Interval) breakdown.Interval {
	if r == nil {
		return or
	}
	return *r
}

func micro(r breakdown.Interval) breakdown.Interval {
	return breakdown.Interval{r[0] / 1000, r[1] / 1000}
}

// width returns half an interval's width as a share of the truth.
func width(r breakdown.Interval, of int64) float64 { return float64(r[1]-r[0]) / 2 / float64(of) }

// holds reports whether an interval, made wider by a factor, meets that from low to
// high.
func holds(r breakdown.Interval, low, high int64, wider float64) bool {
	mid, half := float64(r[0]+r[1])/2, wider*float64(r[1]-r[0])/2+1
	return mid-half <= float64(high) && float64(low) <= mid+half
}

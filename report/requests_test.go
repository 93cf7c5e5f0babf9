package report_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

// nasty holds names as a hostile service might choose them.
var nasty = []string{"<script>alert(1)</script>", "a|b", "\x1b[31mred", "bad\xffutf8\xc0", "line\nbreak", "\u202egnp.exe", "\x00", `"quoted\`, "日本語", ""}

// A lottery draws random requests that satisfy the identities.
type lottery struct {
	*rand.Rand
	names  []string
	causes []*breakdown.Cause
}

func newLottery(seed uint64, names []string) *lottery {
	l := &lottery{Rand: rand.New(rand.NewPCG(seed, 1)), names: names}
	for range 12 {
		c := &breakdown.Cause{State: l.name(), Reason: l.name(), System: l.name(), Rule: l.name(), Site: l.frame()}
		for range l.IntN(6) {
			c.Stack = append(c.Stack, l.frame())
		}
		l.causes = append(l.causes, c)
	}
	l.causes = append(l.causes, nil)
	return l
}

func (l *lottery) name() string { return l.names[l.IntN(len(l.names))] }

func (l *lottery) frame() breakdown.Frame {
	return breakdown.Frame{Function: l.name(), File: l.name(), Line: l.IntN(100)}
}

// request returns a request whose path crosses several goroutines and whose calls
// overlap.
func (l *lottery) request(start int64) breakdown.Request {
	kinds := []string{"http/1", "http/2", "grpc", "kafka", "http/1 stream", "task", ""}
	r := breakdown.Request{Goroutine: 1 + l.Int64N(3), Endpoint: l.name(), Kind: kinds[l.IntN(len(kinds))], Start: start, End: start}
	for range l.IntN(40) {
		length := l.Int64N(5) * l.Int64N(1<<uint(1+l.IntN(24)))
		s := breakdown.Segment{
			Start: r.End, End: r.End + length, Goroutine: 1 + l.Int64N(4),
			Bucket: breakdown.Bucket(l.IntN(int(breakdown.NumBuckets))), Phase: breakdown.Phase(l.IntN(int(breakdown.NumPhases))),
			Cause: l.causes[l.IntN(len(l.causes))],
		}
		if l.IntN(4) == 0 {
			s.Behind = []breakdown.Behind{{Release: l.causes[l.IntN(len(l.causes))], Bucket: breakdown.DB, Time: length / 2}}
		}
		r.Path = append(r.Path, s)
		r.End = s.End
	}
	for range l.IntN(8) {
		from := r.Start + l.Int64N(r.Wall()+1)
		to := from + l.Int64N(r.End-from+1)
		if n := len(r.Path); n > 0 && l.IntN(2) == 0 { // as consecutive steps of a path
			a, b := l.IntN(n), l.IntN(n)
			from, to = r.Path[min(a, b)].Start, r.Path[max(a, b)].End
		}
		r.Calls = append(r.Calls, breakdown.Call{Start: from, End: to, Goroutine: 1 + l.Int64N(5),
			Bucket: breakdown.Bucket(l.IntN(int(breakdown.CPU))), System: l.name(), Site: l.frame(), Dialed: l.IntN(2) == 0, OnPath: l.Int64N(to - from + 1)})
	}
	return r
}

// gathered returns a breakdown of random requests from two captures, and the requests.
func (l *lottery) gathered(n int) (*breakdown.Breakdown, []breakdown.Specimen) {
	b := &breakdown.Breakdown{Source: breakdown.Source{Target: l.name(), GoVersion: "go1.26.8", Case: "ts-00c0ffee", Window: 5 * s, Redacted: l.IntN(2) == 0,
		Evidence: []breakdown.Evidence{{Case: "ts-1", Offset: 1_700_000_000 * s, Clocked: true}, {Case: "ts-2"}}}}
	at := time.Unix(1_700_000_000, 5)
	b.Source.CapturedAt = &at
	var specimens []breakdown.Specimen
	folds := map[string]*folded{}
	var order []*folded
	start := 10 * s
	for i := range n {
		r := l.request(start)
		start += r.Wall() + 1
		sp := breakdown.Specimen{ID: breakdown.RequestID{Capture: i % 2, Goroutine: r.Goroutine, Start: r.Start}, Request: r}
		if l.IntN(3) == 0 {
			sp.Client = &breakdown.ClientView{Start: r.Start - l.Int64N(1000), Phases: []breakdown.ClientPhase{{Phase: "connect", Mean: 1 + l.Int64N(50)}, {Phase: l.name(), Mean: r.Wall()}}}
		}
		specimens = append(specimens, sp)
		key := r.Endpoint + "\x00" + r.Kind
		if folds[key] == nil {
			folds[key] = &folded{e: breakdown.Endpoint{Name: r.Endpoint, Kind: r.Kind, Route: l.name()}}
			order = append(order, folds[key])
		}
		folds[key].add(&sp)
	}
	for _, f := range order {
		for range l.IntN(5) {
			f.detail.Samples = append(f.detail.Samples, breakdown.SampleStack{Stack: []breakdown.Frame{l.frame(), l.frame()}, Samples: 1 + l.Int64N(9)})
		}
		b.Endpoints = append(b.Endpoints, f.endpoint())
	}
	return b, specimens
}

// folded sums an endpoint's requests as analyze does.
type folded struct {
	e      breakdown.Endpoint
	bars   breakdown.Bars
	detail breakdown.Detail
	spent  [breakdown.NumBuckets]int64
}

func (f *folded) add(sp *breakdown.Specimen) {
	var spent [breakdown.NumBuckets]int64
	for i := range sp.Request.Path {
		p := &sp.Request.Path[i]
		spent[p.Bucket] += p.End - p.Start
		f.spent[p.Bucket] += p.End - p.Start
		f.detail.Stacks = append(f.detail.Stacks, breakdown.StackTime{Bucket: p.Bucket, Phase: p.Phase, Cause: p.Cause, Time: p.End - p.Start, Count: 1})
	}
	wall := sp.Request.Wall()
	if f.e.Requests == 0 || wall > f.e.Wall.Max {
		f.e.Wall.Max, f.detail.Slowest = wall, sp.ID
	}
	f.bars.Add(sp.ID, wall, &spent)
	f.e.Requests++
	f.e.Wall.Total += wall
}

func (f *folded) endpoint() breakdown.Endpoint {
	f.e.Buckets = make([]breakdown.BucketTime, breakdown.NumBuckets)
	for b, ns := range f.spent {
		f.e.Buckets[b] = breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: ns}
	}
	f.detail.Bars = f.bars.List()
	f.e.Detail = &f.detail
	return f.e
}

// An aCase is a breakdown and some of its requests, to write in each format.
type aCase struct {
	name      string
	b         *breakdown.Breakdown
	specimens []breakdown.Specimen
}

// cases returns recorded traces of real services, and random cases with ordinary and
// hostile names.
func cases(t *testing.T) []aCase {
	t.Helper()
	var list []aCase
	for _, version := range []string{"go1.22", "go1.26"} {
		list = append(list, recorded(t, filepath.Join("..", "cmd", "internal", "goversions", "testdata", version+".trace.gz")))
	}
	for seed := range uint64(60) {
		names := []string{"main.(*API).Decode", "example.com/shop/internal/store.Load[...]", "http", "postgres", "kafka", "GET /v1/{id}", "select", "db"}
		if seed%2 == 1 {
			names = nasty
		}
		b, specimens := newLottery(seed, names).gathered(1 + int(seed)%9)
		list = append(list, aCase{fmt.Sprintf("lottery %d", seed), b, specimens})
	}
	return list
}

// recorded analyzes a trace and reads the requests that SpreadOver returns.
func recorded(t *testing.T, path string) aCase {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return analyzed(t, path, c)
}

func analyzed(t *testing.T, name string, c *capture.Capture) aCase {
	t.Helper()
	captures := []*capture.Capture{c}
	b, err := analyze.Captures(t.Context(), captures, analyze.Options{Detail: true})
	if err != nil {
		t.Fatal(err)
	}
	specimens, err := analyze.Requests(t.Context(), captures, analyze.Options{}, b, report.SpreadOver(b, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(specimens) == 0 {
		t.Fatalf("%s holds no request", name)
	}
	return aCase{name, b, specimens}
}

// safe reports whether a viewer draws all of text rather than acting on it.
func safe(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// checkout returns the small request that the golden files show.
func checkout() aCase {
	own, branch := int64(7), int64(9)
	query := &breakdown.Cause{State: "waiting", Reason: "network", System: "postgres", Rule: "database/sql.", Site: breakdown.Frame{Function: "example.com/shop/store.(*Store).Cart", File: "/src/shop/store/cart.go", Line: 40},
		Stack: []breakdown.Frame{{Function: "internal/poll.(*FD).Read", File: "/go/src/internal/poll/fd_unix.go", Line: 165}, {Function: "example.com/shop/store.(*Store).Cart", File: "/src/shop/store/cart.go", Line: 40},
			{Function: "main.(*API).Checkout", File: "/src/shop/api.go", Line: 88}}}
	ask := &breakdown.Cause{State: "waiting", Reason: "select", System: "http", Rule: "net/http.(*Client).", Site: breakdown.Frame{Function: "main.(*API).price", File: "/src/shop/api.go", Line: 120}}
	run := &breakdown.Cause{State: "running"}
	sp := breakdown.Specimen{
		ID:     breakdown.RequestID{Goroutine: own, Start: 1000 * ms},
		Client: &breakdown.ClientView{Start: 999 * ms, Phases: []breakdown.ClientPhase{{Phase: "request_write", Mean: 100 * us}, {Phase: "first_byte", Mean: 51 * ms}, {Phase: "body_read", Mean: 200 * us}}},
		Request: breakdown.Request{Goroutine: own, Endpoint: "main.(*API).Checkout", Kind: "http/1", Start: 1000 * ms, End: 1050 * ms,
			Path: []breakdown.Segment{
				{Start: 1000 * ms, End: 1001 * ms, Goroutine: own, Bucket: breakdown.CPU, Cause: run},
				{Start: 1001 * ms, End: 1001*ms + 50*us, Goroutine: own, Bucket: breakdown.DB, Phase: breakdown.PoolWait, Cause: query},
				{Start: 1001*ms + 50*us, End: 1010 * ms, Goroutine: own, Bucket: breakdown.DB, Phase: breakdown.Query, Cause: query},
				{Start: 1010 * ms, End: 1010*ms + 20*us, Goroutine: branch, Bucket: breakdown.Scheduler, Cause: run},
				{Start: 1010*ms + 20*us, End: 1048 * ms, Goroutine: branch, Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: ask},
				{Start: 1048 * ms, End: 1050 * ms, Goroutine: own, Bucket: breakdown.CPU, Cause: run},
			},
			Calls: []breakdown.Call{
				{Start: 1001 * ms, End: 1010 * ms, Goroutine: own, Bucket: breakdown.DB, System: "postgres", Site: query.Site, OnPath: 9 * ms},
				{Start: 1010*ms + 20*us, End: 1048 * ms, Goroutine: branch, Bucket: breakdown.Upstream, System: "http", Site: ask.Site, Dialed: true, OnPath: 38*ms - 20*us},
				{Start: 1010*ms + 30*us, End: 1030 * ms, Goroutine: 11, Bucket: breakdown.Upstream, System: "http", Site: ask.Site},
			}},
	}
	f := folded{e: breakdown.Endpoint{Name: sp.Request.Endpoint, Kind: "http/1", Route: "POST /checkout"}}
	f.add(&sp)
	at := time.Unix(1_700_000_000, 0).UTC()
	return aCase{"checkout", &breakdown.Breakdown{
		Source: breakdown.Source{Target: "http://shop:6060", GoVersion: "go1.26.8", CapturedAt: &at, Window: 5 * s, Case: "ts-0123456789ab",
			Evidence: []breakdown.Evidence{{Case: "ts-0123456789ab", Tool: "v1.2.3", Start: 900 * ms, Offset: 1_700_000_000*s - 900*ms, Clocked: true}}},
		Endpoints: []breakdown.Endpoint{f.endpoint()},
	}, []breakdown.Specimen{sp}}
}

// checkWriteErrors checks that write returns its writer's error.
func checkWriteErrors(t *testing.T, write func(w brokenWriter) error) {
	t.Helper()
	if err := write(brokenWriter{os.ErrClosed}); err == nil || !strings.HasPrefix(err.Error(), "writing the ") {
		t.Errorf("a failing writer gives %v", err)
	}
}

// twice checks that write writes the same bytes each time, and returns them.
func twice(t *testing.T, name string, write func(buf *bytes.Buffer) error) []byte {
	t.Helper()
	var first, second bytes.Buffer
	for _, buf := range []*bytes.Buffer{&first, &second} {
		if err := write(buf); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("%s is written differently the second time", name)
	}
	return slices.Clone(first.Bytes())
}

// For any request and any names, each format for other programs follows its rules and
// is complete.
func FuzzRequestsInEveryFormat(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed%2 == 0, "main.(*API).Decode\x00GET /v1/{id}")
	}
	f.Fuzz(func(t *testing.T, seed uint64, hostile bool, names string) {
		if len(names) > 300 {
			return // longer ones show nothing new, and take long
		}
		list := strings.Split(names, "\x00")
		if hostile {
			list = append(list, nasty...)
		}
		b, specimens := newLottery(seed, list).gathered(1 + int(seed%5))
		c := aCase{"lottery", b, specimens}
		checkWallProfile(t, c)
		cpuProfile(t, c.name, b)
		checkTrees(t, c)
		checkWaterfalls(t, c)
		checkOTLPJSON(t, c)
		checkEvents(t, c)
	})
}

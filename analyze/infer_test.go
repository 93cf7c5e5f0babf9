package analyze

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// A quiet service's requests never block. Each goroutine is a connection.
type quiet struct {
	f  *fold
	at int64
	n  map[string]int // requests by endpoint
}

func newQuiet() *quiet { return &quiet{f: newFold(0), n: map[string]int{}} }

// serve adds a request that ran for so many microseconds, give or take a fifth. One in
// every is named by a CPU sample.
func (q *quiet) serve(goroutine int64, name string, us int64, every int) {
	q.n[name]++
	length := us * (80 + int64(q.n[name]*37%41)) * 10
	r := &breakdown.Request{Goroutine: goroutine, Kind: "http/1", Start: q.at, End: q.at + length,
		Path: []breakdown.Segment{{Start: q.at, End: q.at + length, Goroutine: goroutine, Bucket: breakdown.CPU, Cause: &breakdown.Cause{State: "running"}}}}
	q.at += length + 1000
	if q.n[name]%every == 0 {
		r.Endpoint, r.NamedBySample = name, true
	}
	q.f.add(r)
}

// block adds a request that blocked, so that its stack names it.
func (q *quiet) block(goroutine int64, name string, us int64) {
	length := us * 1000
	q.f.add(&breakdown.Request{Goroutine: goroutine, Endpoint: name, Kind: "http/1", Start: q.at, End: q.at + length,
		Path: []breakdown.Segment{{Start: q.at, End: q.at + length, Goroutine: goroutine, Bucket: breakdown.CPU, Cause: &breakdown.Cause{State: "running"}}}})
	q.at += length + 1000
}

// stop adds a request that ran like others and was stopped once, where its stack names it.
func (q *quiet) stop(goroutine int64, name string, us int64, passing bool) {
	length := us * 1000
	q.f.add(&breakdown.Request{Goroutine: goroutine, Endpoint: name, NamedInPassing: passing, Kind: "http/1", Start: q.at, End: q.at + length,
		Path: []breakdown.Segment{{Start: q.at, End: q.at + length, Goroutine: goroutine, Bucket: breakdown.CPU, Cause: &breakdown.Cause{State: "running"}}}})
	q.at += length + 1000
}

// endpoints returns the answer's endpoints by name, and checks its sums.
func (q *quiet) endpoints(t *testing.T) map[string]breakdown.Endpoint {
	t.Helper()
	all, wall := q.f.requests, int64(0)
	for _, e := range q.f.all() {
		wall += e.wallTotal
	}
	b := breakdown.Breakdown{Endpoints: rendered(q.f)}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	out := map[string]breakdown.Endpoint{}
	for _, e := range b.Endpoints {
		if _, ok := out[e.Name]; ok {
			t.Errorf("%s stands in two rows", e.Name)
		}
		out[e.Name] = e
		all, wall = all-e.Requests, wall-e.Wall.Total
	}
	if all != 0 || wall != 0 {
		t.Errorf("%d requests and %d ns are missing", all, wall)
	}
	return out
}

func holds(r *breakdown.Interval, x int64) bool { return r != nil && r[0] <= x && x <= r[1] }

func TestRequestsWithoutANameGoToTheirEndpoints(t *testing.T) {
	q := newQuiet()
	for range 2 {
		for i := range 1000 {
			q.serve(int64(i%4), "main.short", 500, 23)
			if i%5 == 0 {
				q.serve(int64(i%4), "main.long", 5000, 3)
			}
		}
		q.f.capture++ // another instance
	}
	got := q.endpoints(t)
	for name, want := range map[string]int64{"main.short": 2000, "main.long": 400} {
		e := got[name]
		if e.Requests != want || e.Known+e.Inferred != want || e.Inferred < want/3 || !holds(e.RequestsCI95, want) || !holds(e.Wall.MeanCI95, e.Wall.Mean) {
			t.Errorf("%s has %d requests, %d inferred, in %v, not %d", name, e.Requests, e.Inferred, e.RequestsCI95, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d endpoints", len(got))
	}
}

// With the same running time, only the connections tell endpoints apart.
func TestConnectionsTellWhoseRequestsTheyCarry(t *testing.T) {
	q := newQuiet()
	for range 1000 {
		q.serve(1, "main.one", 500, 20)
		q.serve(2, "main.other", 500, 19)
		q.serve(3, "main.other", 500, 23)
	}
	got := q.endpoints(t)
	for name, want := range map[string]int64{"main.one": 1000, "main.other": 2000} {
		if e := got[name]; max(e.Requests-want, want-e.Requests) > 100 {
			t.Errorf("%s has %d requests in %v, not %d", name, e.Requests, e.RequestsCI95, want)
		}
	}
}

// A sample in middleware does not show the handler.
func TestRequestsSampledInMiddlewareGoToTheirHandlers(t *testing.T) {
	q := newQuiet()
	q.f.routing.lead(linesOf("main.logged.func1"))
	for i := range 1000 {
		name := "main.handler"
		if i%2 == 0 {
			name = "main.logged.func1"
		}
		q.serve(int64(i%4), name, 500, 7)
	}
	got := q.endpoints(t)
	if e := got["main.handler"]; len(got) != 1 || e.Requests != 1000 {
		t.Errorf("the handler has %d requests of 1000, and there are %d endpoints", e.Requests, len(got))
	}
}

// Nor does a stack at which the collector or a lock stopped a request there. Where requests
// block in middleware of their own accord, they are its own.
func TestRequestsStoppedInMiddlewareGoToTheirHandlers(t *testing.T) {
	for _, c := range []struct {
		name    string
		passing bool
		in      map[string]int64
	}{
		{"by the collector", true, map[string]int64{"main.handler": 1050}},
		{"of their own accord", false, map[string]int64{"main.handler": 1000, "otel.traced.func1": 50}},
	} {
		q := newQuiet()
		q.f.routing.lead(linesOf("otel.traced.func1"))
		for i := range 1000 {
			q.serve(int64(i%4), "main.handler", 500, 7)
			if i%20 == 0 {
				q.stop(int64(i%4), "otel.traced.func1", 500, c.passing)
			}
		}
		got := q.endpoints(t)
		for name, want := range c.in {
			if e := got[name]; e.Requests != want || len(got) != len(c.in) {
				t.Errorf("%s: %s has %d requests, not %d, of %d endpoints", c.name, name, e.Requests, want, len(got))
			}
		}
	}
}

// An endpoint that always blocks gets none of the requests that never do.
func TestEndpointsThatAlwaysBlockGetNoOthers(t *testing.T) {
	q := newQuiet()
	for range 200 {
		q.block(1, "main.query", 300)
		q.serve(1, "", 50, 1000)
	}
	got := q.endpoints(t)
	if got["main.query"].Requests != 200 || got[breakdown.Unnamed].Requests != 200 {
		t.Errorf("%d requests of 200 block, %d are unnamed", got["main.query"].Requests, got[breakdown.Unnamed].Requests)
	}
}

// A probe shows which requests are of its route, another one which endpoint that is.
func TestProbedRequestsGoToTheEndpointOfTheirRoute(t *testing.T) {
	q := newQuiet()
	q.block(1, "main.query", 300)
	q.f.last.routes["GET /query"] = 14
	q.f.last.routes["GET /health"] = 1 // a probe that was taken for another one's request
	for _, route := range []string{"GET /query", "GET /health"} {
		q.f.addRouted(&breakdown.Request{Goroutine: 2, Kind: "http/1", End: 50_000,
			Path: []breakdown.Segment{{End: 50_000, Goroutine: 2, Bucket: breakdown.CPU, Cause: &breakdown.Cause{}}}}, route)
	}
	list := rendered(q.f)
	i := slices.IndexFunc(list, func(e breakdown.Endpoint) bool { return e.Route == "GET /query" })
	if len(list) != 2 || i < 0 || list[i].Requests != 2 || list[i].Name != "main.query" || list[1-i].Route != "GET /health" {
		t.Errorf("the endpoints are %+v", list)
	}
}

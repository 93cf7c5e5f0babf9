package analyze

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

// chainOf parses "main.auth.func1@9 main.get": functions, the outermost first, with the
// line where each called the next, and "@9/7" for one of several calls on a line.
func chainOf(text string) *breakdown.Chain {
	var c breakdown.Chain
	for _, step := range strings.Fields(text) {
		name, at, _ := strings.Cut(step, "@")
		s := breakdown.Step{Frame: breakdown.Frame{Function: name}}
		if at != "" {
			var call int
			fmt.Sscanf(strings.Replace(at, "/", " ", 1), "%d %d", &s.Line, &call)
			s.File, s.PC = "api.go", uint64(1000*s.Line+call)
			for _, r := range name { // each function is compiled by itself
				s.PC += uint64(r) << 20
			}
		}
		c = append(c, s)
	}
	return &c
}

// request returns a request with these chains, separated by "; ". The first chain
// begins with its endpoint.
func request(start int64, text string, known map[string]*breakdown.Chain) *breakdown.Request {
	r := &breakdown.Request{Goroutine: 1, Start: start, End: start + 10, Kind: "http/1",
		Path: []breakdown.Segment{{Start: start, End: start + 10, Bucket: breakdown.CPU, Cause: &breakdown.Cause{}}}}
	for _, part := range strings.Split(text, "; ") {
		if known[part] == nil {
			known[part] = chainOf(part)
		}
		r.Endpoint = (*known[part])[0].Function
		if len(*known[part]) > 1 {
			r.Chains = append(r.Chains, known[part])
		}
	}
	return r
}

func TestMiddlewareThatCallsTheNextFunctionIsNotTheEndpoint(t *testing.T) {
	for _, c := range []struct {
		name     string
		requests []string
		want     string
	}{
		{"around two handlers", []string{"main.auth.func1@9 main.get", "main.auth.func1@9 main.put", "main.auth.func1@9 main.get"}, "main.get 2, main.put 1"},
		{"around one handler it looks like a handler with one function", []string{"main.auth.func1@9 main.get", "main.auth.func1@9 main.get"}, "main.auth.func1 2"},
		{"a handler with functions", []string{"main.get@9 main.load; main.get@12 main.save", "main.get@9 main.load"}, "main.get 2"},
		{"a handler with functions on one line", []string{"main.get@9/1 main.load; main.get@9/2 main.render", "main.get@9/1 main.load", "main.get@9/2 main.render", "main.get@9/2 main.render"}, "main.get 4"},
		{"a handler that goes through a list of functions", []string{"main.get@9 main.a; main.get@9 main.b", "main.get@9 main.b; main.get@9 main.c", "main.get@9 main.a"}, "main.get 3"},
		{"a handler that is a closure", []string{"main.main.func1@9 main.load", "main.main.func2@20 main.load"}, "main.main.func1 1, main.main.func2 1"},
		{"a handler with an interface of two implementations", []string{"main.get@9 main.(*disk).Load", "main.get@9 main.(*memory).Load"}, "main.get 2"},
		{"a router in the service", []string{"main.(*router).ServeHTTP@9 main.(*API).Get", "main.(*router).ServeHTTP@9 main.(*API).Put"}, "main.(*API).Get 1, main.(*API).Put 1"},
		{"middleware that works before the next", []string{"main.auth.func1@5 main.user; main.auth.func1@9 main.get", "main.auth.func1@5 main.user; main.auth.func1@9 main.put"}, "main.get 1, main.put 1"},
		{"requests that middleware answers itself", []string{"main.auth.func1@9 main.get", "main.auth.func1@9 main.put", "main.auth.func1@5 main.user", "main.auth.func1@5 main.user"}, "main.auth.func1 2, main.get 1, main.put 1"},
		{"before a second handler was seen", []string{"main.auth.func1@9 main.get", "main.auth.func1@9 main.get", "main.auth.func1@5 main.user", "main.auth.func1@9 main.put"}, "main.get 3, main.put 1"},
		{"middleware that works after the next", []string{"main.auth.func1@9 main.get; main.auth.func1@11 main.audit", "main.auth.func1@9 main.put; main.auth.func1@11 main.audit"}, "main.get 1, main.put 1"},
		{"a closure deferred on the line of the call", []string{"main.auth.func1@9 main.get; main.auth.func1@9/2 main.auth.func1.1", "main.auth.func1@9 main.put; main.auth.func1@9/2 main.auth.func1.1"}, "main.get 1, main.put 1"},
		{"a chain of three", []string{"main.log.func1@3 main.auth.func1@9 main.zip.func2@14 main.get", "main.log.func1@3 main.auth.func1@9 main.zip.func2@14 main.put", "main.log.func1@3 main.auth.func1@7 main.user"},
			"main.auth.func1 1, main.get 1, main.put 1"},
		{"some routes through more than others", []string{"main.log.func1@3 main.auth.func1@9 main.get", "main.log.func1@3 main.auth.func1@9 main.put", "main.log.func1@3 main.ping"}, "main.get 1, main.ping 1, main.put 1"},
		{"closures around one closure", []string{"main.log.func1@3 main.auth.func1@9 main.(*API).get.func1@30 main.load", "main.log.func1@3 main.auth.func1@9 main.(*API).get.func1@32 main.save"}, "main.(*API).get.func1 2"},
		{"a handler's closure that calls its neighbor", []string{"main.main.func1@9 main.main.func2"}, "main.main.func1 1"},
		{"handlers' closures that share one", []string{"main.main.func1@9 main.loader.func1", "main.routes.func2@19 main.loader.func1"}, "main.main.func1 1, main.routes.func2 1"},
		{"a closure that calls two others", []string{"main.main.func1@9 main.loader.func1; main.main.func1@10 main.saver.func1"}, "main.main.func1 1"},
		{"compiled once for each route", []string{"main.main.auth.func1@9 main.get", "main.main.auth.func2@9 main.put", "main.main.auth.func1@5 main.user"}, "main.get 1, main.main.auth.func1 1, main.put 1"},
		{"two calls on a line, compiled twice", []string{"main.main.show.func1@9/1 main.load; main.main.show.func1@9/2 main.render", "main.main.show.func2@9/1 main.load; main.main.show.func2@9/2 main.render"}, "main.main.show.func1 1, main.main.show.func2 1"},
		{"one adapter for handlers of several types", []string{"main.handle[...].func1@9/1 main.get", "main.handle[...].func1@9/2 main.put"}, "main.get 1, main.put 1"},
		{"a handler with and without middleware", []string{"main.auth.func1@9 main.get", "main.get", "main.get@20 main.load"}, "main.get 3"},
		{"a handler that calls another one", []string{"main.put@9 main.get", "main.get@20 main.load"}, "main.get 1, main.put 1"},
		{"a helper that calls its argument", []string{"main.get@9 main.retry", "main.put@19 main.retry"}, "main.get 1, main.put 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, known := newFold(0), map[string]*breakdown.Chain{}
			for i, text := range c.requests {
				f.add(request(int64(100*i), text, known))
			}
			var got []string
			for _, e := range rendered(f) {
				got = append(got, fmt.Sprint(e.Name, " ", e.Requests))
			}
			if slices.Sort(got); strings.Join(got, ", ") != c.want {
				t.Errorf("%s, not %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}

// Passages give each request the name of the endpoint that it was counted for, except
// for requests from before a second handler was seen.
func TestPassagesNameSingleRequests(t *testing.T) {
	f, known := newFold(0), map[string]*breakdown.Chain{}
	for i, c := range []string{"main.log.func1@3 main.auth.func1@9 main.get", "main.log.func1@3 main.auth.func1@9 main.put"} {
		f.add(request(int64(i), c, known))
	}
	passages := settle(f).passages
	for text, want := range map[string]string{
		"main.log.func1@3 main.auth.func1@9 main.put":                                               "main.put",
		"main.log.func1@3 main.auth.func1@5 main.user":                                              "main.auth.func1",
		"main.log.func1@3 main.auth.func1@5 main.user; main.log.func1@3 main.auth.func1@9 main.get": "main.get",
		"main.log.func1@4 main.write":                                                               "main.log.func1",
		"main.log.func1":                                                                            "main.log.func1",
	} {
		if got := passages.Handler(request(0, text, known)); got != want {
			t.Errorf("%s has the name %s, want %s", text, got, want)
		}
	}
}

// Endpoints that turn out to be one add up to the same sums as if they had been one
// from the start.
func TestEndpointsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	site := breakdown.Frame{Function: "main.load", File: "api.go", Line: 7}
	causes := []*breakdown.Cause{{State: "waiting", System: "postgres", Site: site, Stack: []breakdown.Frame{site}}, {State: "running", Stack: []breakdown.Frame{site}}}
	made := func(i int64) *breakdown.Request {
		length := 1000 + rng.Int64N(1e6)
		at, end := i*200_000_000, i*200_000_000+length
		mid := at + rng.Int64N(length)
		return &breakdown.Request{Endpoint: "main.auth.func1", Kind: "http/1", Goroutine: i % 7, Start: at, End: end, Incomplete: i%9 == 8,
			Path: []breakdown.Segment{{Start: at, End: mid, Bucket: breakdown.DB, Phase: breakdown.Query, Cause: causes[0], Behind: []breakdown.Behind{{Release: causes[0], Bucket: breakdown.CPU, Time: 1}}},
				{Start: mid, End: end, Bucket: breakdown.CPU, Cause: causes[1]}},
			Calls:   []breakdown.Call{{Start: at, End: mid, Bucket: breakdown.DB, System: "postgres", Site: site, Dialed: i%3 == 0, OnPath: mid - at}},
			Samples: []*breakdown.Cause{causes[1]}}
	}
	first, second := chainOf("main.auth.func1@9 main.a"), chainOf("main.auth.func1@9 main.b")
	apart, together := newFold(0), newFold(0)
	for _, f := range []*fold{apart, together} {
		f.keepSeries, f.keepDetail = true, true
	}
	for i := range int64(400) {
		r := made(i)
		together.add(r)
		r.Chains = []*breakdown.Chain{first, second} // seen to call both: neither is the handler
		if i%2 == 0 {
			r.Chains = r.Chains[:1+i%4/2]
		}
		apart.add(r)
	}
	if len(apart.all()) < 2 {
		t.Fatal("the requests were not kept apart")
	}
	got, want := rendered(apart), rendered(together)
	if len(got) != 1 || len(want) != 1 {
		t.Fatalf("%d endpoints, want one; together there are %d", len(got), len(want))
	}
	for _, e := range [][]breakdown.Endpoint{got, want} {
		for _, s := range e[0].Series {
			for i := range s.Blocks {
				slices.Sort(s.Blocks[i].Walls)
			}
		}
	}
	if a, b := fmt.Sprintf("%+v", flat(&got[0])), fmt.Sprintf("%+v", flat(&want[0])); a != b {
		t.Errorf("apart they are\n%s\ntogether\n%s", a, b)
	}
}

// flat returns an endpoint without pointers, so that its printed form can be compared.
func flat(e *breakdown.Endpoint) any {
	copied := *e
	copied.Wall.Hist, copied.Series, copied.Detail = nil, nil, nil
	copied.Buckets = slices.Clone(e.Buckets)
	for i := range copied.Buckets {
		copied.Buckets[i].Hist = nil
	}
	var series []breakdown.Block
	for _, capture := range slices.Sorted(maps.Keys(e.Series)) {
		series = append(series, e.Series[capture].Blocks...)
	}
	return struct {
		breakdown.Endpoint
		series []breakdown.Block
		detail breakdown.Detail
	}{copied, series, *e.Detail}
}

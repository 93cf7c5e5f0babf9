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
// line where each called the next, and "@9/7" for one of several calls on a line. A
// library's handler has a "!" before it, and a handler that no router led to a "^". Behind
// a "%" is the library's function that called it, with its line: "main.name%tel.serve:7".
func chainOf(text string) *breakdown.Chain {
	var c breakdown.Chain
	for _, step := range strings.Fields(text) {
		name, at, _ := strings.Cut(step, "@")
		var s breakdown.Step
		name, s.Dispatched = strings.CutPrefix(name, "!")
		name, s.Unrouted = strings.CutPrefix(name, "^")
		name, via, _ := strings.Cut(name, "%")
		if via != "" {
			s.Via = linesOf(via)[0]
		}
		s.Function = name
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
		{"compiled once for each route", []string{"main.main.auth.func1@9 main.get", "main.main.auth.func2@9 main.put", "main.main.auth.func1@5 main.user"}, "main.get 2, main.put 1"},
		{"compiled once for each route, but one copy is for two", []string{"main.main.auth.func1@9 main.get", "main.main.auth.func2@9 main.put", "main.main.auth.func2@9 main.list", "main.main.auth.func2@5 main.user"}, "main.get 1, main.list 1, main.main.auth.func2 1, main.put 1"},
		{"two closures of one function", []string{"main.(*api).register.func1.1@9 main.(*api).register.func2.1@14 main.(*api).one", "main.(*api).register.func1.1@9 main.(*api).register.func2.1@14 main.(*api).two"}, "main.(*api).one 1, main.(*api).two 1"},
		{"two closures of one function around one handler", []string{"main.(*api).register.func1.1@9 main.(*api).register.func2.1@14 main.(*api).one"}, "main.(*api).register.func1.1 1"},
		{"two closures of one function, some routes through one", []string{"main.(*api).register.func1.1@9 main.(*api).register.func2.1@14 main.(*api).one", "main.(*api).register.func1.1@9 main.(*api).register.func2.1@14 main.(*api).three", "main.(*api).register.func1.1@9 main.(*api).two"}, "main.(*api).one 1, main.(*api).three 1, main.(*api).two 1"},
		{"handlers' closures that share one which leads apart", []string{"main.main.func1@9 main.main.func3@30 main.a", "main.main.func2@19 main.main.func3@30 main.b"}, "main.main.func1 1, main.main.func2 1"},
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
			if got := endpointsOf(f); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}

// A library's handler, such as a reverse proxy, has the name of the route's function
// that leads to it, unless that is middleware.
func TestTheRoutesOwnFunctionIsTheEndpoint(t *testing.T) {
	for _, c := range []struct {
		name     string
		led      []string
		requests []string
		want     string
	}{
		{"a reverse proxy", nil, []string{"main.gate@9 !proxy.(*Proxy).ServeHTTP", "main.gate", "main.gate@9 !proxy.(*Proxy).ServeHTTP"}, "main.gate 3"},
		{"behind a library's middleware", nil, []string{"main.gate@9 !tel.serve.func1@3 !proxy.(*Proxy).ServeHTTP", "main.gate@9 !tel.serve.func1"}, "main.gate 2"},
		{"work before", nil, []string{"main.gate@5 main.authorize; main.gate@9 !proxy.(*Proxy).ServeHTTP", "main.gate@5 main.authorize"}, "main.gate 2"},
		{"a closure", nil, []string{"main.main.func3@9 !metrics.Handler.func1", "main.main.func3@9 !metrics.Handler.func1"}, "main.main.func3 2"},
		{"two routes to one library's handler", nil, []string{"main.main.func3@9 !proxy.(*Proxy).ServeHTTP", "main.main.func4@19 !proxy.(*Proxy).ServeHTTP"}, "main.main.func3 1, main.main.func4 1"},
		{"a library's handler with and without the service's function", nil, []string{"main.main.func3@9 !proxy.(*Proxy).ServeHTTP", "proxy.(*Proxy).ServeHTTP"}, "main.main.func3 1, proxy.(*Proxy).ServeHTTP 1"},
		{"middleware around the service's handlers too", []string{"main.logged.func1"}, []string{"main.logged.func1@9 !proxy.(*Proxy).ServeHTTP", "main.logged.func1@9 !proxy.(*Proxy).ServeHTTP", "main.logged.func1", "main.get"},
			"main.get 1, main.logged.func1 1, proxy.(*Proxy).ServeHTTP 2"},
		{"middleware around several libraries' handlers", nil, []string{"main.logged.func1@9 !proxy.(*Proxy).ServeHTTP", "main.logged.func1@9 !files.(*Files).ServeHTTP"}, "files.(*Files).ServeHTTP 1, proxy.(*Proxy).ServeHTTP 1"},
		{"middleware around a library's router", []string{"main.logged.func1"}, []string{"main.logged.func1@9 !router.(*Router).ServeHTTP@40 main.get", "main.logged.func1@9 !router.(*Router).ServeHTTP@40 main.put"}, "main.get 1, main.put 1"},
		{"a route's function before a library that calls the service back", nil, []string{"main.query@9 !graph.(*Server).ServeHTTP@40 main.resolveA", "main.query@9 !graph.(*Server).ServeHTTP@40 main.resolveB"}, "main.query 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, known := newFold(0), map[string]*breakdown.Chain{}
			for i, text := range c.requests {
				f.add(request(int64(100*i), text, known))
			}
			f.routing.lead(linesOf(c.led...))
			if got := endpointsOf(f); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}

// linesOf parses functions with or without a line: "tel.serve:7".
func linesOf(texts ...string) (frames []breakdown.Frame) {
	for _, text := range texts {
		name, line, _ := strings.Cut(text, ":")
		f := breakdown.Frame{Function: name, File: "lib.go"}
		fmt.Sscan(line, &f.Line)
		frames = append(frames, f)
	}
	return frames
}

// Middleware of a library may call the service back, as to format the name of a span.
// Requests that were seen in such a function only were not passed on to it.
func TestFunctionsThatMiddlewareCallsBackAreNoHandlers(t *testing.T) {
	const before, name = "^main.main.func9@1 !tel.New.func1@2", "main.main.func1%tel.serve:97"
	for _, c := range []struct {
		name     string
		led      []string
		requests []string
		want     string
	}{
		{"called where requests are not led on", []string{"main.main.func9", "tel.New.func1", "tel.serve:179"}, []string{before + " " + name, before + " " + name}, "tel.New.func1 2"},
		{"beside a library's handler", []string{"main.main.func9", "tel.New.func1", "tel.serve:179"}, []string{before + " " + name, before + " !files.(*Files).ServeHTTP%tel.serve:179"},
			"files.(*Files).ServeHTTP 1, tel.New.func1 1"},
		{"called where requests are led on", []string{"main.main.func9", "tel.New.func1", "tel.serve:97"}, []string{before + " " + name, before + " " + name}, "main.main.func1 2"},
		{"called by a function that leads none on", []string{"main.main.func9", "tel.New.func1"}, []string{before + " " + name, before + " " + name}, "main.main.func1 2"},
		{"a router that calls some handlers and dispatches to others", []string{"main.main.func9", "tel.New.func1", "tel.serve:179"}, []string{before + " main.a%tel.serve:97", before + " main.b%tel.serve:97"}, "main.a 1, main.b 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, known := newFold(0), map[string]*breakdown.Chain{}
			for i, text := range c.requests {
				f.add(request(int64(100*i), text, known))
			}
			f.routing.lead(linesOf(c.led...))
			if got := endpointsOf(f); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}

// endpointsOf returns "main.get 2, main.put 1".
func endpointsOf(f *fold) string {
	var got []string
	for _, e := range rendered(f) {
		got = append(got, fmt.Sprint(e.Name, " ", e.Requests))
	}
	slices.Sort(got)
	return strings.Join(got, ", ")
}

// A handler that no router led to may be one, with a call for each route.
func TestARouterWithACallForEachRoute(t *testing.T) {
	times := func(n int, requests ...string) (all []string) {
		for range n {
			all = append(all, requests...)
		}
		return all
	}
	const a, b, log = "^main.route@9 main.a", "^main.route@12 main.b", "^main.route@20 main.log"
	for _, c := range []struct {
		name     string
		requests []string
		want     string
	}{
		{"two routes", times(20, a, b), "main.a 20, main.b 20"},
		{"two routes, and requests that are seen no further", times(30, a, b, "^main.route"), "main.a 30, main.b 30, main.route 30"},
		{"a log after each", append(times(20, a, b), times(20, a+"; "+log, b+"; "+log, log)...), "main.a 40, main.b 40, main.route 20"},
		{"too few to tell", times(3, a, b), "main.route 6"},
		{"a handler with two steps", times(20, a+"; "+b), "main.route 20"},
		{"a handler with two steps, rarely seen both", append(times(100, a, b), a+"; "+b), "main.route 201"},
		{"a handler with three steps", times(20, a+"; "+b+"; "+log, a, b, log), "main.route 80"},
		{"a handler whose steps are seen too rarely to be seen both", append(times(3, a, b), times(200, "main.route")...), "main.route 206"},
		{"behind a router", times(20, "main.route@9 main.a", "main.route@12 main.b"), "main.route 40"},
		{"one route by a library", times(20, a, "^main.route@12 !files.(*Files).ServeHTTP"), "files.(*Files).ServeHTTP 20, main.a 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, known := newFold(0), map[string]*breakdown.Chain{}
			for i, text := range c.requests {
				f.add(request(int64(100*i), text, known))
			}
			if got := endpointsOf(f); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
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

package report_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

func cpuProfile(t *testing.T, name string, b *breakdown.Breakdown, profiles ...[]byte) *profile.Profile {
	t.Helper()
	return parsed(t, twice(t, name, func(buf *bytes.Buffer) error {
		var list report.Profiles
		for _, p := range profiles {
			list = append(list, fromBytes(t, p))
		}
		return report.CPUProfile(buf, b, list...)
	}))
}

func fromBytes(t *testing.T, data []byte) *profile.Profile {
	t.Helper()
	p, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A stackSpec is a sample of an invented profile: functions, leaf first. A "+" marks a
// function inlined into the next one.
type stackSpec struct {
	stack  string
	count  int64
	labels map[string][]string
}

// goProfile returns a CPU profile as Go writes it.
func goProfile(t *testing.T, specs ...stackSpec) []byte {
	t.Helper()
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10 * ms, Mapping: []*profile.Mapping{{ID: 1, File: "/srv/\x1bshop", HasFunctions: true}},
	}
	functions := map[string]*profile.Function{}
	for _, spec := range specs {
		sample := &profile.Sample{Value: []int64{spec.count, spec.count * 10 * ms}, Label: spec.labels}
		open := false
		for _, name := range strings.Fields(spec.stack) {
			name, inlined := strings.CutPrefix(name, "+")
			if functions[name] == nil {
				functions[name] = &profile.Function{ID: uint64(len(functions) + 1), Name: name, SystemName: name}
				p.Function = append(p.Function, functions[name])
			}
			if !open {
				loc := &profile.Location{ID: uint64(len(p.Location) + 1), Mapping: p.Mapping[0]}
				p.Location, sample.Location = append(p.Location, loc), append(sample.Location, loc)
			}
			last := sample.Location[len(sample.Location)-1]
			last.Line = append(last.Line, profile.Line{Function: functions[name], Line: 7})
			open = inlined
		}
		p.Sample = append(p.Sample, sample)
	}
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// traced returns an endpoint with CPU samples as in a trace, which has neither inlining
// nor type arguments.
func traced(name, stack string, samples int64) breakdown.Endpoint {
	var frames []breakdown.Frame
	for _, f := range strings.Fields(stack) {
		frames = append(frames, breakdown.Frame{Function: f, Line: 7})
	}
	return breakdown.Endpoint{Name: name, Route: "GET /" + name, Detail: &breakdown.Detail{Samples: []breakdown.SampleStack{{Stack: frames, Samples: samples}}}}
}

func functionsOf(stack []breakdown.Frame) string {
	var names []string
	for _, f := range stack {
		names = append(names, f.Function)
	}
	return strings.Join(names, " ")
}

func TestSamplesGoToTheirEndpoints(t *testing.T) {
	hash := stackSpec{"main.hash main.serve", 10, nil}
	for _, test := range []struct {
		name      string
		profile   []stackSpec
		endpoints []breakdown.Endpoint
		want      map[string]int64 // by endpoint; "" means all
	}{
		{"of one stack some", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.serve", 4)}, map[string]int64{"": 10, "a": 4}},
		{"of one stack for two", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.serve", 4), traced("b", "main.hash main.serve", 5)}, map[string]int64{"": 10, "a": 4, "b": 5}},
		{"another stack", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.other", 4)}, map[string]int64{"": 10}},
		{"more in the trace than in the profile", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.serve", 40), traced("b", "main.hash main.serve", 10)}, map[string]int64{"": 10, "a": 8, "b": 2}},
		{"the largest remainder, then the first", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.serve", 7), traced("b", "main.hash main.serve", 7), traced("c", "main.hash main.serve", 7)}, map[string]int64{"": 10, "a": 4, "b": 3, "c": 3}},
		{"inlined frames", []stackSpec{{"+main.step +main.hash main.serve", 3, nil}}, []breakdown.Endpoint{traced("a", "main.step main.hash main.serve", 3)}, map[string]int64{"": 3, "a": 3}},
		{"goexit", []stackSpec{hash}, []breakdown.Endpoint{traced("a", "main.hash main.serve runtime.goexit", 4)}, map[string]int64{"": 10, "a": 4}},
		{"arguments of types", []stackSpec{{"slices.Sort[go.shape.[]int,go.shape.int].func1 main.serve", 3, nil}}, []breakdown.Endpoint{traced("a", "slices.Sort[...].func1 main.serve", 2)}, map[string]int64{"": 3, "a": 2}},
		{"one stack in many samples", []stackSpec{{"main.hash main.serve", 1, nil}, {"main.hash main.serve", 1, map[string][]string{"user": {"x"}}}, {"main.hash main.serve", 1, nil}},
			[]breakdown.Endpoint{traced("a", "main.hash main.serve", 1), traced("b", "main.hash main.serve", 1)}, map[string]int64{"": 3, "a": 1, "b": 1}},
		{"the service's own labels stay", []stackSpec{{"main.hash main.serve", 5, map[string][]string{"endpoint": {"own"}}}}, []breakdown.Endpoint{traced("a", "main.hash main.serve", 2)}, map[string]int64{"": 5, "a": 2, "own": 5}},
		{"an endpoint without detail", []stackSpec{hash}, []breakdown.Endpoint{{Name: "a"}}, map[string]int64{"": 10}},
	} {
		p := cpuProfile(t, test.name, &breakdown.Breakdown{Endpoints: test.endpoints}, goProfile(t, test.profile...))
		counts, times := sums(p, "endpoint", 0), sums(p, "endpoint", 1)
		if !maps.Equal(counts, test.want) {
			t.Errorf("%s: the samples are %v, not %v", test.name, counts, test.want)
		}
		for endpoint, n := range test.want {
			if times[endpoint] != n*10*ms {
				t.Errorf("%s: %q has %d ns", test.name, endpoint, times[endpoint])
			}
		}
	}
}

func TestTheCPUProfileKeepsItsTotals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	stacks := []string{"main.a main.serve", "main.b main.serve", "+main.a main.b main.serve", "main.c"}
	for range 300 {
		var specs []stackSpec
		want := map[string]int64{}
		for range 1 + rng.IntN(12) {
			spec := stackSpec{stack: stacks[rng.IntN(len(stacks))], count: rng.Int64N(20)}
			specs = append(specs, spec)
			want[strings.ReplaceAll(spec.stack, "+", "")] += spec.count
		}
		b := &breakdown.Breakdown{}
		for _, name := range []string{"x", "y", "z"} {
			b.Endpoints = append(b.Endpoints, traced(name, strings.ReplaceAll(stacks[rng.IntN(len(stacks))], "+", ""), rng.Int64N(60)))
		}
		got, labelled := map[string]int64{}, map[string]int64{}
		for _, s := range cpuProfile(t, "lottery", b, goProfile(t, specs...)).Sample {
			var names []string
			for _, loc := range s.Location {
				for _, l := range loc.Line {
					names = append(names, l.Function.Name)
				}
			}
			stack := strings.Join(names, " ")
			got[stack] += s.Value[0]
			if len(s.Label["endpoint"]) > 0 {
				labelled[stack] += s.Value[0]
			}
			if s.Value[1] != s.Value[0]*10*ms {
				t.Fatalf("%d samples are %d ns", s.Value[0], s.Value[1])
			}
		}
		for stack, n := range want {
			asked := int64(0)
			for _, e := range b.Endpoints {
				if traced := e.Detail.Samples[0]; functionsOf(traced.Stack) == stack {
					asked += traced.Samples
				}
			}
			if got[stack] != n || labelled[stack] != min(asked, n) {
				t.Fatalf("%s has %d of %d samples, %d of them for endpoints that have %d", stack, got[stack], n, labelled[stack], asked)
			}
		}
	}
}

func TestSeveralProfilesAreMerged(t *testing.T) {
	one := goProfile(t, stackSpec{"main.hash main.serve", 3, nil})
	two := goProfile(t, stackSpec{"main.hash main.serve", 4, nil}, stackSpec{"main.gc", 5, nil})
	p := cpuProfile(t, "two", &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{traced("a", "main.hash main.serve", 6)}}, one, two)
	if counts := sums(p, "endpoint", 0); counts[""] != 12 || counts["a"] != 6 {
		t.Errorf("the samples are %v", counts)
	}
}

func TestWithoutAProfileTheTracesSamplesAreWritten(t *testing.T) {
	e := traced("a", "main.hash main.serve", 6)
	for name, c := range map[string]struct {
		cpu  []breakdown.CPUFunction
		want int64
	}{
		"a known period": {[]breakdown.CPUFunction{{Samples: 6, Self: 6 * 4 * ms}}, 4 * ms},
		"none":           {nil, 10 * ms},
	} {
		e.CPU = c.cpu
		var buf bytes.Buffer
		if err := report.CPUProfile(&buf, &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, nil); err != nil {
			t.Fatal(err)
		}
		p := parsed(t, buf.Bytes())
		if times := sums(p, "endpoint", 1); times["a"] != 6*c.want || p.Period != c.want || !strings.Contains(p.Comments[0], "no CPU profile was kept") {
			t.Errorf("%s: a has %d ns, the period is %d, %q", name, times["a"], p.Period, p.Comments)
		}
	}
}

func TestOtherProfilesAreErrors(t *testing.T) {
	var heap bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&heap, 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"the heap":      {heap.Bytes(), "it counts no samples"},
		"negative":      {goProfile(t, stackSpec{"main.a", -3, nil}), "negative sample"},
		"more than all": {goProfile(t, stackSpec{"main.a", 1 << 62, nil}, stackSpec{"main.a", 1 << 62, nil}), "negative sample"},
	} {
		err := report.CPUProfile(io.Discard, &breakdown.Breakdown{}, fromBytes(t, c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func TestAHostileServicesCPUProfileIsSafe(t *testing.T) {
	for i, bad := range nasty {
		name := strings.Join(strings.Fields("f"+bad), "_")
		data := goProfile(t, stackSpec{name + " main.serve", 2, map[string][]string{"user" + bad: {bad}}})
		b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{traced(bad, name+" main.serve", 1)}, Source: breakdown.Source{Target: bad, Case: bad}}
		if got := sums(cpuProfile(t, bad, b, data), "", 0)[""]; got != 2 {
			t.Errorf("%d: %d samples", i, got)
		}
		cpuProfile(t, bad, b)
	}
}

// mill is generic, and small enough to be inlined.
func mill[T ~uint64](x T) T { return x*6364136223846793005 + 1442695040888963407 }

// deep recurses deeper than a CPU profile records.
func deep[T ~uint64](n int, x T) T {
	if n == 0 {
		for range 2_000_000 {
			x = mill(x)
		}
		return x
	}
	return deep(n-1, x) + 1
}

// A live service's CPU profile and its trace hold the same samples. Those of requests
// must be matched, however deep the stacks are and whatever was inlined.
func TestSamplesOfALiveServiceMatchItsProfile(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /deep", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		w.Header().Set("X-Sum", string(rune('a'+deep(100, uint64(1))%26)))
	})
	mux.HandleFunc("GET /flat", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		w.Header().Set("X-Sum", string(rune('a'+deep(3, uint64(1))%26)))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })

	var cpu, events bytes.Buffer
	if err := pprof.StartCPUProfile(&cpu); err != nil {
		t.Fatal(err)
	}
	if err := trace.Start(&events); err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	for _, path := range []string{"/deep", "/flat"} {
		clients.Go(func() {
			// Their number determines how much they compute, on a busy machine as well.
			for range 120 {
				response, err := http.Get("http://" + listener.Addr().String() + path)
				if err != nil {
					t.Error(err)
					return
				}
				response.Body.Close()
			}
		})
	}
	clients.Wait()
	trace.Stop()
	pprof.StopCPUProfile()

	c, err := capture.Read("live.trace", &events)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	b := analyzed(t, "a live service", c).b
	before := sums(parsed(t, cpu.Bytes()), "endpoint", 0)[""]
	p := cpuProfile(t, "live", b, cpu.Bytes())
	counts := sums(p, "endpoint", 0)
	samples, found := int64(0), counts[""]
	for _, s := range p.Sample {
		if len(s.Label["endpoint"]) == 0 {
			found -= s.Value[0]
		}
	}
	for _, e := range b.Endpoints {
		for _, s := range e.Detail.Samples {
			samples += s.Samples
		}
	}
	t.Logf("%d samples in the profile, %d of requests in the trace, %d of them found", before, samples, found)
	if samples < 10 || found < samples*9/10 {
		t.Errorf("of %d samples of requests %d are in the profile", samples, found)
	}
	if counts[""] != before {
		t.Errorf("%d samples became %d", before, counts[""])
	}
	for _, e := range b.Endpoints {
		only := toolPprof(t, p, "-top", "-unit=ms", "-nodefraction=0", "-nodecount=100000", "-tagfocus=endpoint="+regexp.QuoteMeta(e.Name)+"$")
		if want := fmt.Sprintf("Showing nodes accounting for %dms,", counts[e.Name]*10); counts[e.Name] > 0 && !strings.Contains(only, want) {
			t.Errorf("-tagfocus does not show %q:\n%s", want, only)
		}
	}
}

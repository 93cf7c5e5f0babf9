package report_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func TestTheSpansAreTrees(t *testing.T) {
	for _, c := range cases(t) {
		checkTrees(t, c)
	}
}

// checkTrees checks that each request is one tree of spans that belong to no other
// request, and that a span lies within its parent.
func checkTrees(t *testing.T, c aCase) {
	t.Helper()
	spans := spansOf(t, c)
	byID, roots := map[string]*spanned{}, map[string]bool{}
	for _, s := range spans {
		if byID[string(s.SpanID)] != nil || len(s.SpanID) != 8 || len(s.TraceID) != 16 || len(bytes.Trim(s.SpanID, "\x00")) == 0 {
			t.Errorf("%s: the ID %x in trace %x is not unique", c.name, s.SpanID, s.TraceID)
		}
		byID[string(s.SpanID)] = s
		if s.length() < 0 || !safe(s.Name) {
			t.Errorf("%s: span %q lasts %d ns", c.name, s.Name, s.length())
		}
		if len(s.ParentSpanID) == 0 {
			if roots[string(s.TraceID)] {
				t.Errorf("%s: trace %x has two roots", c.name, s.TraceID)
			}
			roots[string(s.TraceID)] = true
		}
	}
	if len(roots) != len(c.specimens) {
		t.Errorf("%s: %d traces for %d requests", c.name, len(roots), len(c.specimens))
	}
	for _, s := range spans {
		parent := byID[string(s.ParentSpanID)]
		switch {
		case len(s.ParentSpanID) == 0:
		case parent == nil || !bytes.Equal(parent.TraceID, s.TraceID):
			t.Errorf("%s: %q has no parent in its trace", c.name, s.Name)
		case parent.resource["service.name"] != s.resource["service.name"]: // two clocks
		case s.StartTimeUnixNano < parent.StartTimeUnixNano || s.EndTimeUnixNano > parent.EndTimeUnixNano:
			t.Errorf("%s: %q does not lie within %q", c.name, s.Name, parent.Name)
		}
	}
}

// bySpecimen returns a case's spans by request.
func bySpecimen(spans []*spanned) map[string][]*spanned {
	names := map[string]string{} // by trace
	for _, s := range spans {
		if id, ok := s.attrs["timesink.request"].(string); ok {
			names[string(s.TraceID)] = id
		}
	}
	by := map[string][]*spanned{}
	for _, s := range spans {
		by[names[string(s.TraceID)]] = append(by[names[string(s.TraceID)]], s)
	}
	return by
}

func TestTheSpansAreTheWaterfall(t *testing.T) {
	for _, c := range cases(t) {
		checkWaterfalls(t, c)
	}
}

func checkWaterfalls(t *testing.T, c aCase) {
	t.Helper()
	by := bySpecimen(spansOf(t, c))
	for i := range c.specimens {
		checkWaterfall(t, c, &c.specimens[i], by[c.specimens[i].ID.String()])
	}
}

// checkWaterfall checks that each call is there to the nanosecond, that each step shown
// is one of the path, and that the steps and the time not shown sum to the request.
func checkWaterfall(t *testing.T, c aCase, sp *breakdown.Specimen, spans []*spanned) {
	t.Helper()
	r := &sp.Request
	offset := int64(0)
	if sp.ID.Capture < len(c.b.Source.Evidence) {
		offset = c.b.Source.Evidence[sp.ID.Capture].Offset
	}
	var calls, wantCalls [][2]int64
	for _, call := range r.Calls {
		wantCalls = append(wantCalls, [2]int64{call.Start, call.End})
	}
	edges := map[int64]bool{}
	for _, s := range r.Path {
		edges[s.Start], edges[s.End] = true, true
	}
	path, buckets := int64(0), int64(0)
	for _, s := range spans {
		start, end := int64(s.StartTimeUnixNano)-offset, int64(s.EndTimeUnixNano)-offset
		_, isCall := s.attrs["timesink.dialed"]
		_, onPath := s.attrs["timesink.on_path_ns"]
		isCall = isCall || onPath && s.Kind != internalSpan
		path += s.number("timesink.not_shown_ns")
		switch {
		case s.resource["service.name"] == "timesink probe":
		case s.attrs["timesink.request"] != nil:
			if start != r.Start || end != r.End {
				t.Errorf("%s: %s is shown from %d to %d", c.name, sp.ID, start, end)
			}
			for b := range breakdown.NumBuckets {
				buckets += s.number("timesink.bucket." + b.String() + "_ns")
			}
		case isCall:
			calls = append(calls, [2]int64{start, end})
		case onPath: // a goroutine
		default:
			path += s.length()
			if !edges[start] || !edges[end] {
				t.Errorf("%s: %s: %q starts at %d and ends at %d, which are not edges of segments", c.name, sp.ID, s.Name, start, end)
			}
		}
	}
	compare := func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(calls, compare)
	slices.SortFunc(wantCalls, compare)
	if !slices.Equal(calls, wantCalls) {
		t.Errorf("%s: %s: the calls are %v, not %v", c.name, sp.ID, calls, wantCalls)
	}
	if path != r.Wall() || buckets != r.Wall() {
		t.Errorf("%s: %s took %d ns; the time shown and not shown is %d, the buckets sum to %d", c.name, sp.ID, r.Wall(), path, buckets)
	}
}

// OTLP's JSON differs from protobuf's: IDs are hexadecimal, enumerations are numbers,
// and 64-bit integers are strings.
func TestJSONFollowsOTLPsRules(t *testing.T) {
	for _, c := range cases(t) {
		checkOTLPJSON(t, c)
	}
}

func checkOTLPJSON(t *testing.T, c aCase) {
	t.Helper()
	data := twice(t, c.name, func(buf *bytes.Buffer) error {
		return report.OTLP(buf, c.b, c.specimens, report.OTLPOptions{})
	})
	if !safe(string(data)) {
		t.Errorf("%s holds control characters", c.name)
	}
	var file struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct {
					TraceID, SpanID, ParentSpanID      string
					Kind                               int
					StartTimeUnixNano, EndTimeUnixNano string
					Attributes                         []struct{ Value map[string]any }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	for _, rs := range file.ResourceSpans {
		for _, s := range rs.ScopeSpans[0].Spans {
			trace, err1 := hex.DecodeString(s.TraceID)
			span, err2 := hex.DecodeString(s.SpanID)
			start, err3 := strconv.ParseInt(s.StartTimeUnixNano, 10, 64)
			if err1 != nil || err2 != nil || err3 != nil || len(trace) != 16 || len(span) != 8 || start <= 0 || s.Kind < 1 || s.Kind > 5 {
				t.Errorf("%s: a span is %+v", c.name, s)
			}
			for _, a := range s.Attributes {
				if n, ok := a.Value["intValue"]; ok && strings.Trim(n.(string), "-0123456789") != "" {
					t.Errorf("%s: an integer is %v", c.name, n)
				}
			}
		}
	}
}

// TestTheProtobufIsTheJSON reads both, by the field numbers that OpenTelemetry
// publishes.
func TestTheProtobufIsTheJSON(t *testing.T) {
	for _, c := range cases(t) {
		var buf bytes.Buffer
		if err := report.OTLP(&buf, c.b, c.specimens, report.OTLPOptions{Binary: true}); err != nil {
			t.Fatal(err)
		}
		want := spansOf(t, c)
		for _, resource := range fieldsOf(t, buf.Bytes()) {
			parts := map[uint64][]byte{}
			for _, f := range fieldsOf(t, resource.bytes) {
				parts[f.number] = f.bytes
			}
			var of []keyValue
			for _, a := range fieldsOf(t, parts[1]) {
				of = append(of, keyValueOf(t, a.bytes))
			}
			for _, f := range fieldsOf(t, parts[2]) {
				if f.number != 2 {
					continue
				}
				if len(want) == 0 {
					t.Fatalf("%s: protobuf has more spans", c.name)
				}
				if s := spanOf(t, f.bytes); !reflect.DeepEqual(s, want[0].span) || !reflect.DeepEqual(valuesOf(t, of), want[0].resource) {
					t.Errorf("%s: a span of %v is %+v, in JSON %+v", c.name, of, s, want[0].span)
				}
				want = want[1:]
			}
		}
		if len(want) > 0 {
			t.Errorf("%s: protobuf lacks %d spans", c.name, len(want))
		}
	}
}

func TestOTLPGolden(t *testing.T) {
	c := checkout()
	golden(t, "checkout.otlp.json", twice(t, c.name, func(buf *bytes.Buffer) error {
		return report.OTLP(buf, c.b, c.specimens, report.OTLPOptions{})
	}))
}

func TestARequestIsShownOnce(t *testing.T) {
	c := checkout()
	once := len(spansOf(t, c))
	c.specimens = append(c.specimens, c.specimens[0])
	if again := len(spansOf(t, c)); again != once {
		t.Errorf("%d spans became %d", once, again)
	}
	c.specimens = nil
	if none := len(spansOf(t, c)); none != 0 {
		t.Errorf("without requests there are %d spans", none)
	}
}

// Two captures of one case are two instances, and a request has the same IDs whatever
// else is shown.
func TestIDsDependOnTheRequestAlone(t *testing.T) {
	b, specimens := newLottery(3, []string{"main.a", "main.b"}).gathered(6)
	all := bySpecimen(spansOf(t, aCase{"all", b, specimens}))
	for i := range specimens {
		id := specimens[i].ID.String()
		alone := bySpecimen(spansOf(t, aCase{id, b, specimens[i : i+1]}))[id]
		if len(alone) != len(all[id]) {
			t.Fatalf("%s alone has %d spans, with others %d", id, len(alone), len(all[id]))
		}
		for j, s := range alone {
			if !reflect.DeepEqual(s.span, all[id][j].span) {
				t.Errorf("%s: span %d, %q, differs when written alone", id, j, s.Name)
			}
		}
	}
	b.Source.Case = "another"
	for id, spans := range bySpecimen(spansOf(t, aCase{"another case", b, specimens})) {
		if bytes.Equal(spans[0].TraceID, all[id][0].TraceID) {
			t.Errorf("%s has the same ID in another case", id)
		}
	}
}

func TestTheResourceNamesTheClock(t *testing.T) {
	c := checkout()
	root := spansOf(t, c)[0]
	if want := uint64(1_700_000_000*s + 99*ms); root.StartTimeUnixNano != want || root.resource["timesink.clock"] != "wall" {
		t.Errorf("the client began at %d by the %s's clock, not at %d", root.StartTimeUnixNano, root.resource["timesink.clock"], want)
	}
	c.b.Source.Evidence[0].Offset, c.b.Source.Evidence[0].Clocked = -900*ms, false
	root = spansOf(t, c)[0]
	if root.StartTimeUnixNano != uint64(99*ms) || root.resource["timesink.clock"] != "trace" {
		t.Errorf("the client began at %d by the %s's clock", root.StartTimeUnixNano, root.resource["timesink.clock"])
	}
}

func TestTheSpansHaveConventionalNames(t *testing.T) {
	call := func(bucket breakdown.Bucket, phase breakdown.Phase, system string) breakdown.Request {
		site := breakdown.Frame{Function: "example.com/shop.(*API).call", File: "/src/api.go", Line: 9}
		return breakdown.Request{Goroutine: 1, Kind: "http/1", Endpoint: "main.h", Start: 0, End: ms,
			Path:  []breakdown.Segment{{Start: 0, End: ms, Goroutine: 1, Bucket: bucket, Phase: phase}},
			Calls: []breakdown.Call{{Start: 0, End: ms, Goroutine: 1, Bucket: bucket, System: system, Site: site, OnPath: ms}}}
	}
	server := func(kind string) breakdown.Request {
		return breakdown.Request{Goroutine: 1, Kind: kind, Endpoint: "main.h"}
	}
	for _, test := range []struct {
		request breakdown.Request
		span    string
		kind    int
		attrs   map[string]any
	}{
		{call(breakdown.DB, breakdown.Query, "postgres"), "Postgres shop.(*API).call", clientSpan, map[string]any{"db.system.name": "postgresql", "code.function.name": "example.com/shop.(*API).call", "code.file.path": "/src/api.go", "code.line.number": int64(9), "timesink.phase.query_ns": ms}},
		{call(breakdown.DB, breakdown.Query, "sql"), "database shop.(*API).call", clientSpan, map[string]any{"db.system.name": "other_sql"}},
		{call(breakdown.Cache, breakdown.Command, "redis"), "Redis shop.(*API).call", clientSpan, map[string]any{"db.system.name": "redis"}},
		{call(breakdown.Queue, breakdown.Produce, "kafka"), "Kafka shop.(*API).call", producerSpan, map[string]any{"messaging.system": "kafka", "messaging.operation.type": "send"}},
		{call(breakdown.Queue, breakdown.Fetch, "amqp"), "RabbitMQ shop.(*API).call", clientSpan, map[string]any{"messaging.system": "rabbitmq"}},
		{call(breakdown.Upstream, breakdown.ResponseWait, "grpc"), "gRPC shop.(*API).call", clientSpan, map[string]any{"rpc.system.name": "grpc"}},
		{call(breakdown.Upstream, breakdown.ResponseWait, "http"), "HTTP shop.(*API).call", clientSpan, map[string]any{"network.protocol.name": "http", "timesink.on_path_ns": ms}},
		{call(breakdown.Upstream, breakdown.Connect, "tcp"), "TCP shop.(*API).call", clientSpan, map[string]any{"timesink.system": "tcp"}},
		{server("http/1"), "GET /x", serverSpan, map[string]any{"http.request.method": "GET", "http.route": "/x", "network.protocol.name": "http", "code.function.name": "main.h", "timesink.bucket.unknown_ns": int64(0)}},
		{server("http/2 stream"), "main.h", serverSpan, map[string]any{"network.protocol.version": "2", "timesink.kind": "http/2 stream"}},
		{server("grpc"), "main.h", serverSpan, map[string]any{"rpc.system.name": "grpc"}},
		{server("kafka"), "main.h", consumerSpan, map[string]any{"messaging.system": "kafka", "messaging.operation.type": "process"}},
		{server("websocket"), "main.h", serverSpan, map[string]any{"network.protocol.name": "websocket"}},
		{server("region"), "main.h", internalSpan, map[string]any{"timesink.goroutine": int64(1)}},
	} {
		b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{{Name: "main.h", Kind: "http/1", Route: "GET /x"}}}
		c := aCase{test.request.Kind, b, []breakdown.Specimen{{Request: test.request}}}
		i := 0
		spans := spansOf(t, c)
		if len(test.request.Calls) > 0 {
			i = 1
		}
		if s := spans[i]; s.Name != test.span || s.Kind != test.kind {
			t.Errorf("%s is %q, of kind %d", test.span, s.Name, s.Kind)
		}
		for key, want := range test.attrs {
			if got := spans[i].attrs[key]; got != want {
				t.Errorf("%s: %s is %v, not %v", test.span, key, got, want)
			}
		}
	}
}

func TestManyShortStepsDoNotHideTheTree(t *testing.T) {
	r := breakdown.Request{Goroutine: 1, Endpoint: "main.h", Start: 0}
	for i := range int64(10_000) {
		r.Path = append(r.Path, breakdown.Segment{Start: i * us, End: (i + 1) * us, Goroutine: 1, Bucket: breakdown.Bucket(i % int64(breakdown.NumBuckets))})
	}
	r.End = 10_000 * us
	spans := spansOf(t, aCase{"short steps", &breakdown.Breakdown{}, []breakdown.Specimen{{Request: r}}})
	if len(spans) != 2 || spans[1].length() != r.Wall() || spans[1].number("timesink.segments") != 10_000 || spans[1].Name != "db, cache, queue, …" {
		t.Errorf("there are %d spans, the second one is %q of %d segments", len(spans), spans[1].Name, spans[1].number("timesink.segments"))
	}
}

// A step must last a two-hundredth of the request to get its own span.
func TestOnlyShortStepsAreMerged(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []int64 // lengths in thousandths of the request; the rest is CPU
		want  string
	}{
		{"long ones", []int64{5, 5}, "db 5, cache 5, cpu 990"},
		{"a short one beside a long one", []int64{4, 5}, "cache 5, cpu 991"},
		{"short ones that are long together", []int64{4, 4, 4, 5}, "db, cache, queue 12, upstream 5, cpu 983"},
		{"short ones that are not", []int64{1, 1, 1}, "cpu 997"},
		{"short ones apart", []int64{4, 5, 4, 5, 4}, "cache 5, upstream 5, cpu 982"},
	} {
		r := breakdown.Request{Goroutine: 1}
		add := func(length int64, b breakdown.Bucket) {
			r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + length, Goroutine: 1, Bucket: b})
			r.End += length
		}
		for i, length := range test.steps {
			add(length*us, breakdown.Bucket(i))
		}
		add(1000*us-r.End, breakdown.CPU)
		var got []string
		for _, s := range spansOf(t, aCase{test.name, &breakdown.Breakdown{}, []breakdown.Specimen{{Request: r}}})[1:] {
			got = append(got, fmt.Sprint(s.Name, " ", s.length()/us))
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("%s: %s, not %s", test.name, text, test.want)
		}
	}
}

// A call between two messages of a stream has its own span. The steps after it belong
// to the stream again.
func TestAStreamGoesOnAfterACall(t *testing.T) {
	r := breakdown.Request{Goroutine: 1, End: 100 * us}
	for _, at := range []int64{0, 20, 30, 60} {
		r.Path = append(r.Path, breakdown.Segment{Start: at * us, Goroutine: 1, Bucket: breakdown.Upstream, Phase: breakdown.BodyRead})
	}
	r.Path[1].Phase = breakdown.ResponseWait
	r.Path[3].Bucket, r.Path[3].Phase = breakdown.CPU, breakdown.NoPhase
	for i := range r.Path {
		r.Path[i].End = r.End
		if i > 0 {
			r.Path[i-1].End = r.Path[i].Start
		}
	}
	r.Calls = []breakdown.Call{
		{End: 60 * us, Goroutine: 1, Bucket: breakdown.Upstream, System: "grpc", Between: 10 * us, OnPath: 50 * us},
		{Start: 20 * us, End: 30 * us, Goroutine: 1, Bucket: breakdown.Upstream, System: "http", OnPath: 10 * us},
	}
	spans := spansOf(t, aCase{"a stream", &breakdown.Breakdown{}, []breakdown.Specimen{{Request: r}}})
	below := map[string]int64{}
	for _, s := range spans {
		for _, parent := range spans {
			if bytes.Equal(s.ParentSpanID, parent.SpanID) {
				below[parent.Name+": "+s.Name] += s.length() / us
			}
		}
	}
	if below["gRPC: upstream body_read"] != 50 || below["HTTP: upstream response_wait"] != 10 {
		t.Errorf("below the calls there are %v µs", below)
	}
}

// If one handler serves several routes, a request belongs to the endpoint that lists
// it.
func TestRequestsBelongToTheEndpointThatListsThem(t *testing.T) {
	c := checkout()
	known := c.b.Endpoints[0]
	other := known
	other.Route, other.Detail = "POST /other", nil
	for name, test := range map[string]struct {
		endpoints []breakdown.Endpoint
		probed    bool
		want      string
	}{
		"an example":             {[]breakdown.Endpoint{other, known}, false, "POST /checkout"},
		"by its handler":         {[]breakdown.Endpoint{other}, false, "POST /other"},
		"the first of its names": {[]breakdown.Endpoint{{Name: known.Name, Kind: known.Kind, Route: "GET /a"}, other}, false, "GET /a"},
		"of another kind":        {[]breakdown.Endpoint{{Name: known.Name, Kind: "grpc"}}, false, "main.(*API).Checkout"},
		"of no endpoint":         {nil, false, "main.(*API).Checkout"},
		"probed":                 {[]breakdown.Endpoint{other, known}, true, "POST /checkout"},
	} {
		if test.probed {
			detail := &breakdown.Detail{Probed: []breakdown.Probed{{ID: c.specimens[0].ID}}}
			test.endpoints[1].Detail = detail
		}
		c.b.Endpoints = test.endpoints
		spans := spansOf(t, c)
		i := slices.IndexFunc(spans, func(s *spanned) bool { return s.Kind == serverSpan })
		if spans[i].Name != test.want {
			t.Errorf("%s: it belongs to %q, not %q", name, spans[i].Name, test.want)
		}
	}
}

func TestOTLPReturnsWriteErrors(t *testing.T) {
	c := checkout()
	checkWriteErrors(t, func(w brokenWriter) error { return report.OTLP(w, c.b, c.specimens, report.OTLPOptions{}) })
}

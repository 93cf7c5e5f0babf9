// Package otlp tests timesink's OTLP output against OpenTelemetry's own library and
// published schema: both read it, and the library writes the same bytes. It is a
// separate module, so that the tool's module does not require them.
package otlp_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	schema "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

// TestRecordedTraces writes requests of each recorded trace.
func TestRecordedTraces(t *testing.T) {
	files, err := filepath.Glob("../goversions/testdata/*.trace.gz")
	if err != nil || len(files) < 15 {
		t.Fatalf("there are only %d recorded traces: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".trace.gz"), func(t *testing.T) {
			c, err := capture.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			captures := []*capture.Capture{c}
			b, err := analyze.Captures(t.Context(), captures, analyze.Options{Detail: true})
			if err != nil {
				t.Fatal(err)
			}
			specimens, err := analyze.Requests(t.Context(), captures, analyze.Options{}, b, report.SpreadOver(b, 20))
			if err != nil {
				t.Fatal(err)
			}
			if spans := check(t, b, specimens); spans < 2 {
				t.Errorf("there are only %d spans", spans)
			}
		})
	}
}

// TestAnyRequest writes random requests, with names as from a hostile service and
// adjacent segments.
func TestAnyRequest(t *testing.T) {
	for seed := range uint64(200) {
		d := draw{rand.New(rand.NewPCG(seed, 7))}
		check(t, d.breakdown(), d.specimens())
	}
	check(t, &breakdown.Breakdown{}, nil)
}

// check writes a case in both encodings and returns its number of spans.
func check(t *testing.T, b *breakdown.Breakdown, specimens []breakdown.Specimen) int {
	t.Helper()
	var text, binary bytes.Buffer
	if err := report.OTLP(&text, b, specimens, report.OTLPOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := report.OTLP(&binary, b, specimens, report.OTLPOptions{Binary: true}); err != nil {
		t.Fatal(err)
	}
	traces, err := (&ptrace.JSONUnmarshaler{DisallowUnknownFields: true}).UnmarshalTraces(text.Bytes())
	if err != nil {
		t.Fatalf("the library does not read the JSON: %v\n%s", err, text.Bytes())
	}
	if again, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces); err != nil || !bytes.Equal(again, text.Bytes()) {
		t.Fatalf("the library writes different JSON, %v:\n%s\n%s", err, again, text.Bytes())
	}
	if again, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces); err != nil || !bytes.Equal(again, binary.Bytes()) {
		t.Fatalf("the library writes different protobuf, %v:\n%x\n%x", err, again, binary.Bytes())
	}
	var request schema.ExportTraceServiceRequest
	if err := proto.Unmarshal(binary.Bytes(), &request); err != nil {
		t.Fatal(err)
	}
	spans := 0
	for _, rs := range request.ResourceSpans {
		unknown := rs.ProtoReflect().GetUnknown()
		for _, ss := range rs.ScopeSpans {
			unknown = append(unknown, ss.ProtoReflect().GetUnknown()...)
			for _, s := range ss.Spans {
				unknown = append(unknown, s.ProtoReflect().GetUnknown()...)
				spans++
			}
		}
		if len(unknown) > 0 {
			t.Errorf("the schema does not know %x", unknown)
		}
	}
	if spans != traces.SpanCount() {
		t.Errorf("there are %d spans in protobuf, %d in JSON", spans, traces.SpanCount())
	}
	return spans
}

// names lists names as from a hostile service.
var names = []string{"main.(*API).Decode", `"quoted\`, "<b>&amp;", "\x1b[31mred", "bad\xffutf8\xc0", "line\nbreak\ttab", "\u202egnp.exe", "\u2028", "\x00\x7f", "日本語", "😀", ""}

type draw struct{ *rand.Rand }

func (d draw) name() string { return names[d.IntN(len(names))] }

func (d draw) frame() breakdown.Frame {
	return breakdown.Frame{Function: d.name(), File: d.name(), Line: d.IntN(3)}
}

func (d draw) breakdown() *breakdown.Breakdown {
	b := &breakdown.Breakdown{}
	b.Source.Target, b.Source.Case, b.Source.GoVersion, b.Source.Redacted = d.name(), d.name(), d.name(), d.IntN(2) == 0
	for range d.IntN(3) {
		b.Source.Evidence = append(b.Source.Evidence, breakdown.Evidence{Case: d.name(), Tool: d.name(), Clocked: d.IntN(2) == 0, Offset: d.Int64N(1 << 60)})
	}
	for range 3 {
		b.Endpoints = append(b.Endpoints, breakdown.Endpoint{Name: d.name(), Kind: "http/1", Route: d.name() + " " + d.name()})
	}
	return b
}

func (d draw) specimens() (list []breakdown.Specimen) {
	kinds := []string{"http/1", "http/2 stream", "grpc", "kafka", "websocket", "task", ""}
	for i := range d.IntN(4) {
		r := breakdown.Request{Goroutine: int64(i), Endpoint: d.name(), Kind: kinds[d.IntN(len(kinds))], Incomplete: d.IntN(3) == 0}
		r.Start = d.Int64N(3) * 1000
		r.End = r.Start
		for range d.IntN(12) {
			s := breakdown.Segment{
				Start: r.End, End: r.End + d.Int64N(3)*d.Int64N(1<<30), Goroutine: d.Int64N(4),
				Bucket: breakdown.Bucket(d.IntN(int(breakdown.NumBuckets))), Phase: breakdown.Phase(d.IntN(int(breakdown.NumPhases))),
				Cause: &breakdown.Cause{State: d.name(), Reason: d.name(), Rule: d.name(), Site: d.frame()},
			}
			r.Path = append(r.Path, s)
			r.End = s.End
		}
		for range d.IntN(5) {
			start := r.Start + d.Int64N(r.End-r.Start+1)
			r.Calls = append(r.Calls, breakdown.Call{
				Start: start, End: start + d.Int64N(r.End-start+1), Goroutine: d.Int64N(4), System: d.name(), Site: d.frame(),
				Bucket: breakdown.Bucket(d.IntN(int(breakdown.NumBuckets))), Dialed: d.IntN(2) == 0, OnPath: -d.Int64N(2),
			})
		}
		s := breakdown.Specimen{Request: r}
		s.ID.Capture = d.IntN(2)
		s.ID.Goroutine, s.ID.Start = int64(i), r.Start
		if d.IntN(3) == 0 {
			s.Client = &breakdown.ClientView{Start: r.Start, Phases: []breakdown.ClientPhase{{Phase: d.name(), Mean: d.Int64N(1000)}}}
		}
		list = append(list, s)
	}
	return list
}

package report

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"

	"timesink/analyze/breakdown"
)

// OTLPOptions configures OTLP.
type OTLPOptions struct {
	Binary bool // protobuf instead of JSON
}

// OTLP writes requests as OpenTelemetry traces: an ExportTraceServiceRequest, which a
// collector accepts at /v1/traces.
//
// Each request is a trace. Its SERVER span has the time in each bucket as attributes.
// Below it are the goroutines that worked for the request, its calls as CLIENT or
// PRODUCER spans, and the other steps of its path as INTERNAL spans. Steps shorter than
// a two-hundredth of the request are merged with neighboring ones, and left out if
// still too short; an attribute gives the time left out. All spans have their exact
// start and end. If a probe sent the request, the probe is the CLIENT span above it, in
// its own service. The clocks of probe and server agree as far as matching the two can
// tell, and a server may work a little longer than its client waits.
//
// Times are wall-clock times if the capture relates the trace's clock to the wall
// clock. Otherwise they start in 1970, and the resource says so. IDs are derived from
// the case and the request's ID, so a request always has the same IDs.
func OTLP(w io.Writer, b *breakdown.Breakdown, specimens []breakdown.Specimen, o OTLPOptions) error {
	var traces otlpTraces
	scopes := map[scopeKey]*otlpScope{}
	shown := map[breakdown.RequestID]bool{}
	known := newEndpointIndex(b)
	for i := range specimens {
		s := &specimens[i]
		if shown[s.ID] {
			continue
		}
		shown[s.ID] = true
		t := newRequestTrace(b, s, known.of(s), func(probe bool) *otlpScope {
			key := scopeKey{s.ID.Capture, probe}
			if _, ok := scopes[key]; !ok {
				scopes[key] = newScope(b, key)
				traces.scopes = append(traces.scopes, scopes[key])
			}
			return scopes[key]
		})
		t.write()
	}
	encode := traces.json
	if o.Binary {
		encode = traces.proto
	}
	if _, err := w.Write(encode()); err != nil {
		return fmt.Errorf("writing the traces: %w", err)
	}
	return nil
}

// A scopeKey names the spans of one process: an instance of the service, or its
// probes.
type scopeKey struct {
	capture int
	probe   bool
}

// newScope returns the scope of one process, with its resource.
func newScope(b *breakdown.Breakdown, key scopeKey) *otlpScope {
	ev := captureOf(b, key.capture)
	s := &otlpScope{name: "timesink", schema: schemaURL}
	attrs := &s.resource
	if key.probe {
		attrs.text(serviceName, "timesink probe")
	} else {
		attrs.text(serviceName, serviceOf(b.Source.Target))
		attrs.text(runtimeName, "go")
		attrs.text(runtimeVersion, b.Source.GoVersion)
	}
	attrs.text(sdkName, "timesink")
	attrs.text(sdkLanguage, "go")
	attrs.text(sdkVersion, ev.Tool)
	attrs.text("timesink.case", b.Source.Case)
	if ev.Case != b.Source.Case {
		attrs.text("timesink.capture", ev.Case)
	}
	attrs.text("timesink.target", b.Source.Target)
	attrs.flag("timesink.redacted", b.Source.Redacted)
	clock := "wall"
	if !ev.Clocked {
		clock = "trace" // trace time, starting in 1970
	}
	attrs.text("timesink.clock", clock)
	return s
}

// serviceOf names the service as far as the target does.
func serviceOf(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.Host
	}
	if target != "" {
		return target
	}
	return "unknown_service:go" // as the conventions say
}

// captureOf returns the evidence of a capture, or a zero Evidence if there is none.
func captureOf(b *breakdown.Breakdown, capture int) breakdown.Evidence {
	if capture < 0 || capture >= len(b.Source.Evidence) {
		return breakdown.Evidence{}
	}
	return b.Source.Evidence[capture]
}

// A requestTrace writes the spans of one request.
type requestTrace struct {
	s      *breakdown.Specimen
	e      *breakdown.Endpoint
	id     traceID
	offset int64 // wall-clock time minus trace time, in ns
	spans  int
	scope  func(probe bool) *otlpScope
	// short is the shortest step that gets a span, in ns.
	short int64
}

func newRequestTrace(b *breakdown.Breakdown, s *breakdown.Specimen, e *breakdown.Endpoint, scope func(probe bool) *otlpScope) *requestTrace {
	sum := sha256.Sum256([]byte(b.Source.Case + "\x00" + s.ID.String()))
	return &requestTrace{
		s: s, e: e, id: traceID(sum[:16]), offset: captureOf(b, s.ID.Capture).Offset, scope: scope,
		short: max(s.Request.Wall()/200, 1),
	}
}

// span adds a span with the given parent, which may be zero. Times are the trace's.
func (t *requestTrace) span(probe bool, in spanID, name string, kind otlpKind, start, end int64) (spanID, *attributes) {
	t.spans++
	sum := sha256.Sum256(fmt.Appendf(nil, "%x%d", t.id[:], t.spans))
	span := &otlpSpan{trace: t.id, id: spanID(sum[:8]), parent: in, name: clean(name), kind: kind, start: t.at(start), end: t.at(end)}
	scope := t.scope(probe)
	scope.spans = append(scope.spans, span)
	return span.id, &span.attributes
}

// at converts a time of the trace to ns since 1970, at least 0.
func (t *requestTrace) at(moment int64) uint64 {
	return uint64(max(moment+t.offset, 0))
}

// write writes the topmost span first: a backend may name the whole trace after its
// first span.
func (t *requestTrace) write() {
	in := spanID{}
	if t.s.Client != nil {
		in = t.client(t.s.Client)
	}
	branches := branchesOf(&t.s.Request, t.short)
	server := t.server(in, branches)
	for _, br := range branches {
		t.branch(server, br)
	}
}

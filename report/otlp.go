package report

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"

	"timesink/analyze/breakdown"
)

// OTLPOptions say how OTLP writes.
type OTLPOptions struct {
	Binary bool // protobuf, not JSON
}

// OTLP writes requests as traces of OpenTelemetry's: the payload of an
// ExportTraceServiceRequest, which a collector takes at /v1/traces as it is.
//
// Each request is a trace. Its SERVER span has what each bucket took as attributes;
// below it stand the goroutines that worked for it, its calls as CLIENT or PRODUCER
// spans, and as INTERNAL spans what else its path went through, where that is long
// enough to be seen: what is shorter than a two-hundredth of the request is merged
// with what is beside it, and left out where it is too short even so, which
// attributes tell. What is shown has its exact start and end. Where a probe of
// timesink's sent the request, the probe is the CLIENT span above it, of a service
// of its own; its clock and the server's agree as far as matching them can
// tell, and a server may be at work a little longer than its client waits.
//
// Times are the wall's where the capture tells how the trace's clock relates to it,
// else from 1970 on, and the resource says so. IDs are made from the case and the
// request's own, so the same request always has the same.
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

// newScope says whose spans they are.
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
		clock = "trace" // the times are the trace's own, from 1970 on
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
	return "unknown_service:go" // as the conventions have it
}

// captureOf is the capture of that number, all unknown where it is not told.
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
	offset int64 // of the wall's clock from the trace's
	spans  int
	scope  func(probe bool) *otlpScope
	// short is what a span is left out below, in ns.
	short int64
}

func newRequestTrace(b *breakdown.Breakdown, s *breakdown.Specimen, e *breakdown.Endpoint, scope func(probe bool) *otlpScope) *requestTrace {
	sum := sha256.Sum256([]byte(b.Source.Case + "\x00" + s.ID.String()))
	return &requestTrace{
		s: s, e: e, id: traceID(sum[:16]), offset: captureOf(b, s.ID.Capture).Offset, scope: scope,
		short: max(s.Request.Wall()/200, 1),
	}
}

// span begins one that lies in another, or in none. Times are the trace's.
func (t *requestTrace) span(probe bool, in spanID, name string, kind otlpKind, start, end int64) (spanID, *attributes) {
	t.spans++
	sum := sha256.Sum256(fmt.Appendf(nil, "%x%d", t.id[:], t.spans))
	span := &otlpSpan{trace: t.id, id: spanID(sum[:8]), parent: in, name: clean(name), kind: kind, start: t.at(start), end: t.at(end)}
	scope := t.scope(probe)
	scope.spans = append(scope.spans, span)
	return span.id, &span.attributes
}

// at is a moment of the trace on the wall's clock. There is none before 1970.
func (t *requestTrace) at(moment int64) uint64 {
	return uint64(max(moment+t.offset, 0))
}

// write begins with what is above the others: a backend may take the first span
// for the whole trace's name.
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

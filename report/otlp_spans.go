package report

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// client writes the probe that sent the request, and the probe's phases. It returns the
// probe's span.
func (t *requestTrace) client(v *breakdown.ClientView) spanID {
	id, attrs := t.span(true, spanID{}, cmp.Or(t.e.Route, "HTTP"), kindClient, v.Start, v.Start+v.Wall())
	if method, _, ok := strings.Cut(t.e.Route, " "); ok {
		attrs.text(httpMethod, method)
	}
	attrs.text("timesink.request", t.s.ID.String())
	at := v.Start
	for _, p := range v.Phases {
		t.span(true, id, p.Phase, kindInternal, at, at+p.Mean)
		at += p.Mean
	}
	return id
}

// server writes the request itself, with the time in each bucket. It returns the
// request's span.
func (t *requestTrace) server(in spanID, branches []*branch) spanID {
	r := &t.s.Request
	id, attrs := t.span(false, in, title(t.e), spanKind(r.Kind), r.Start, r.End)
	attrs.served(t.e, r.Kind)
	attrs.text("timesink.request", t.s.ID.String())
	attrs.text("timesink.kind", r.Kind)
	attrs.number("timesink.goroutine", r.Goroutine)
	attrs.flag("timesink.incomplete", r.Incomplete)
	if r.Condensed != 0 {
		attrs.number("timesink.condensed_ns", r.Condensed-r.Start) // before that the order is unknown
	}
	var spent [breakdown.NumBuckets]int64
	for i := range r.Path {
		spent[r.Path[i].Bucket] += r.Path[i].End - r.Path[i].Start
	}
	attrs.buckets(&spent)
	var beside []piece
	for _, br := range branches {
		if !t.shows(br) {
			beside = append(beside, br.parts...)
		}
	}
	t.leftOut(attrs, beside)
	return id
}

// buckets adds the buckets that took time, and always unknown.
func (a *attributes) buckets(spent *[breakdown.NumBuckets]int64) {
	for b, ns := range spent {
		if ns > 0 || breakdown.Bucket(b) == breakdown.Unknown {
			a.number("timesink.bucket."+breakdown.Bucket(b).String()+"_ns", ns)
		}
	}
}

// A branch is a goroutine that worked for the request: its part of the path, and the
// calls that it made.
type branch struct {
	goroutine  int64
	start, end int64
	held       int64 // its part of the path, in ns
	site       breakdown.Frame
	calls      []*callPart
	parts      []piece
}

// A callPart is a call and the part of the path within it.
type callPart struct {
	*breakdown.Call
	parts  []piece
	phases [breakdown.NumPhases]int64
	until  int64 // the latest end of this call and the earlier ones of the branch
}

// A piece is a part of the path within one branch or call: a segment, several of one
// kind, or several too short to show.
type piece struct {
	start, end int64
	segment    *breakdown.Segment // the first
	n          int                // segments
	spent      [breakdown.NumBuckets]int64
	mixed      bool
}

func (p *piece) length() int64 { return p.end - p.start }

// shows reports whether a goroutine gets its own span. The request's own goroutine does
// not.
func (t *requestTrace) shows(br *branch) bool {
	return br.goroutine != t.s.Request.Goroutine && (len(br.calls) > 0 || br.held >= t.short)
}

// branch writes what a goroutine did for the request.
func (t *requestTrace) branch(server spanID, br *branch) {
	in := server
	if t.shows(br) {
		var attrs *attributes
		in, attrs = t.span(false, server, strings.TrimSpace("goroutine "+function(br.site.Function)), kindInternal, br.start, br.end)
		attrs.number("timesink.goroutine", br.goroutine)
		attrs.number("timesink.on_path_ns", br.held)
		attrs.place(br.site)
		t.leftOut(attrs, br.parts)
	}
	for _, c := range br.calls {
		t.call(in, c)
	}
	t.pieces(in, br.parts)
}

// call writes a call, with those of its steps that are long enough.
func (t *requestTrace) call(in spanID, c *callPart) {
	sends := c.phases[breakdown.Produce]+c.phases[breakdown.BatchDelay] > 0
	kind := kindClient
	if sends {
		kind = kindProducer
	}
	id, attrs := t.span(false, in, strings.TrimSpace(systemOf(c.Call)+" "+function(c.Site.Function)), kind, c.Start, c.End)
	attrs.called(c.Call, sends)
	attrs.text("timesink.bucket", c.Bucket.String())
	attrs.number("timesink.goroutine", c.Goroutine)
	attrs.number("timesink.on_path_ns", c.OnPath)
	attrs.flag("timesink.dialed", c.Dialed)
	for p, ns := range c.phases {
		if ns > 0 {
			attrs.number("timesink.phase."+breakdown.Phase(p).String()+"_ns", ns)
		}
	}
	t.leftOut(attrs, c.parts)
	t.pieces(id, c.parts)
}

// pieces writes a span for each piece that is long enough.
func (t *requestTrace) pieces(in spanID, parts []piece) {
	for i := range parts {
		p := &parts[i]
		if p.length() < t.short {
			continue
		}
		_, attrs := t.span(false, in, p.name(), kindInternal, p.start, p.end)
		attrs.number("timesink.goroutine", p.segment.Goroutine)
		if p.n > 1 {
			attrs.number("timesink.segments", int64(p.n))
		}
		if p.mixed {
			attrs.buckets(&p.spent)
			continue
		}
		attrs.text("timesink.bucket", p.segment.Bucket.String())
		attrs.text("timesink.phase", p.segment.Phase.String())
		attrs.evidence(p.segment)
	}
}

// leftOut adds how much of the path below a span has no span.
func (t *requestTrace) leftOut(attrs *attributes, parts []piece) {
	sum := int64(0)
	for i := range parts {
		if parts[i].length() < t.short {
			sum += parts[i].length()
		}
	}
	if sum > 0 {
		attrs.number("timesink.not_shown_ns", sum)
	}
}

// evidence adds what an attribution rests on, and what kept the request waiting.
func (a *attributes) evidence(s *breakdown.Segment) {
	if c := s.Cause; c != nil {
		a.text("timesink.state", c.State)
		a.text("timesink.reason", c.Reason)
		a.text("timesink.rule", c.Rule)
		a.place(c.Site)
	}
	if len(s.Behind) == 0 {
		return
	}
	most := slices.MaxFunc(s.Behind, func(x, y breakdown.Behind) int { return cmp.Compare(x.Time, y.Time) })
	a.text("timesink.holder.bucket", most.Bucket.String())
	if most.Release != nil {
		a.text("timesink.holder.function", most.Release.Site.Function)
	}
}

// name returns the piece's bucket and phase or, for a mixed piece, its buckets, the
// largest first.
func (p *piece) name() string {
	if !p.mixed {
		return stepName(p.segment.Bucket, p.segment.Phase)
	}
	var list []breakdown.Bucket
	for b, ns := range p.spent {
		if ns > 0 {
			list = append(list, breakdown.Bucket(b))
		}
	}
	slices.SortStableFunc(list, func(x, y breakdown.Bucket) int { return cmp.Compare(p.spent[y], p.spent[x]) })
	var names []string
	for _, b := range list {
		names = append(names, b.String())
	}
	if len(names) > 3 {
		names = append(names[:3], "…")
	}
	return strings.Join(names, ", ")
}

// stepName returns a bucket and its phase, as in "upstream connect".
func stepName(b breakdown.Bucket, p breakdown.Phase) string {
	return strings.TrimSpace(b.String() + " " + p.String())
}

package rows

import (
	"cmp"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A Table names one of the tables.
type Table string

// The tables.
const (
	Cases    Table = "cases"
	Requests Table = "requests"
	Segments Table = "segments"
	Calls    Table = "calls"
	Findings Table = "findings"
	Samples  Table = "samples"
)

// Tables returns all tables, the smallest first.
func Tables() []Table { return []Table{Cases, Findings, Requests, Calls, Samples, Segments} }

// A Batch is rows of several tables.
type Batch struct {
	Cases    []Case
	Requests []Request
	Segments []Segment
	Calls    []Call
	Findings []Finding
	Samples  []Sample
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Cases, b.Requests, b.Segments = b.Cases[:0], b.Requests[:0], b.Segments[:0]
	b.Calls, b.Findings, b.Samples = b.Calls[:0], b.Findings[:0], b.Samples[:0]
}

// Len returns the number of rows.
func (b *Batch) Len() int {
	return len(b.Cases) + len(b.Requests) + len(b.Segments) + len(b.Calls) + len(b.Findings) + len(b.Samples)
}

// A Writer writes the rows of one table, and ignores those of others.
type Writer interface {
	Write(*Batch) error
	Close() error // finishes what was written, without closing what it was written to
}

// About says where a case comes from, as far as the capture alone does not.
type About struct {
	Service  string // "" takes the label service, or the executable's name
	Instance string // "" takes the label instance, or the target
	Labels   map[string]string
}

// unnamed is the name of a service without a name, as OpenTelemetry's conventions say.
const unnamed = "unknown_service:go"

// A Maker makes the rows of one case.
type Maker struct {
	b        *breakdown.Breakdown
	evidence breakdown.Evidence
	head     Case // what the rows of all tables share
	tables   map[Table]bool
	texts    texts
	requests int64
}

// NewMaker returns a Maker for the tables of a case. b must have been made with detail; if
// private data is to be masked, it must be masked in b already, and mask does so for the
// text of single requests. mask may be nil. executable is the path of the service's
// executable, "" if it is not known.
func NewMaker(b *breakdown.Breakdown, about About, executable string, mask func(string) string, tables ...Table) *Maker {
	m := &Maker{b: b, tables: map[Table]bool{}, texts: newTexts(mask)}
	for _, t := range tables {
		m.tables[t] = true
	}
	if len(b.Source.Evidence) > 0 {
		m.evidence = b.Source.Evidence[0]
	}
	labels, _ := json.Marshal(about.Labels) // a map of strings does not fail
	if len(about.Labels) == 0 {
		labels = []byte("{}")
	}
	m.head = Case{
		Schema: Schema, CaseID: b.Source.Case, Target: b.Source.Target, Labels: string(labels), Version: about.Labels["version"],
		Service:  ServiceName(about, executable),
		Instance: cmp.Or(about.Instance, about.Labels["instance"], b.Source.Target),
	}
	return m
}

// ServiceName returns the name of the service: as given, its label, or that of its executable.
func ServiceName(about About, executable string) string {
	return cmp.Or(about.Service, about.Labels["service"], nameOf(executable), unnamed)
}

// nameOf returns the name of an executable without its folder.
func nameOf(executable string) string {
	if executable == "" {
		return ""
	}
	return strings.TrimSuffix(path.Base(strings.ReplaceAll(filepath.ToSlash(executable), `\`, "/")), ".exe")
}

// Case adds the row of the case and the rows of its findings.
func (m *Maker) Case(to *Batch) {
	b := report.Worded(m.b)
	c, s := m.head, &b.Source
	c.Tool, c.GoVersion = m.evidence.Tool, s.GoVersion
	c.Clock, c.Offset = "trace", m.evidence.Offset
	if m.evidence.Clocked {
		c.Clock = "wall"
	}
	if s.CapturedAt != nil {
		c.CapturedAt = s.CapturedAt.UnixNano()
	}
	c.Window, c.Covered, c.GOMAXPROCS, c.Saturated = s.Window, s.Covered, int64(s.GOMAXPROCS), s.Saturated
	c.Estimate, c.Redacted = b.Estimate, s.Redacted
	var spent [breakdown.NumBuckets]int64
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		c.Requests, c.Incomplete = c.Requests+e.Requests, c.Incomplete+e.Incomplete
		c.Wall, c.CutWall = c.Wall+e.Wall.Total, c.CutWall+e.IncompleteTime
		for _, t := range e.Buckets {
			spent[t.Bucket] += t.Total
		}
	}
	c.Buckets = bucketsOf(&spent)
	c.Cause, c.Conclusion = b.Conclusion.Cause, b.Conclusion.Text
	c.Warnings = []string{}
	for _, w := range b.Warnings {
		c.Warnings = append(c.Warnings, w.Code)
	}
	if m.tables[Cases] {
		to.Cases = append(to.Cases, c)
	}
	if !m.tables[Findings] {
		return
	}
	for i, f := range b.Findings {
		to.Findings = append(to.Findings, Finding{
			CaseID: c.CaseID, Seq: int32(i + 1), ID: f.ID, Confidence: string(f.Confidence), Endpoint: f.Endpoint,
			Title: f.Title, Evidence: append([]string{}, f.Evidence...), SavesUpTo: f.SavesUpTo, Try: f.Try,
		})
	}
}

// Request adds the rows of one request. The requests must come in the order of the listing.
func (m *Maker) Request(l *breakdown.Listed, to *Batch) {
	m.requests++
	if m.tables[Requests] {
		to.Requests = append(to.Requests, m.request(l))
	}
	if m.tables[Segments] {
		to.Segments = m.segments(l.Request, to.Segments)
	}
	if m.tables[Calls] {
		to.Calls = m.calls(l.Request, to.Calls)
	}
	if m.tables[Samples] {
		to.Samples = m.samples(l.Request, to.Samples)
	}
}

func (m *Maker) request(l *breakdown.Listed) Request {
	r := l.Request
	row := Request{
		CaseID: m.head.CaseID, Request: m.requests, Goroutine: r.Goroutine, Start: r.Start + m.evidence.Offset,
		Instance: m.head.Instance, Version: m.head.Version, Labels: m.head.Labels,
		Endpoint: m.texts.of(cmp.Or(l.Endpoint, breakdown.Unnamed)), Route: m.texts.of(l.Route), Kind: l.Kind,
		Incomplete: r.Incomplete, Inferred: l.Inferred, Wall: r.Wall(), Ran: r.Ran,
	}
	if l.Client != nil {
		row.Client = l.Client.Wall()
	}
	var spent [breakdown.NumBuckets]int64
	var parts [breakdown.NumBuckets][breakdown.NumPhases]int64
	for i := range r.Path {
		s := &r.Path[i]
		spent[s.Bucket] += s.End - s.Start
		parts[s.Bucket][s.Phase] += s.End - s.Start
	}
	row.Buckets, row.Phases = bucketsOf(&spent), phasesOf(&parts)
	var calls [breakdown.NumBuckets]int32
	for i := range r.Calls {
		c := &r.Calls[i]
		calls[c.Bucket]++
		row.CallTime += c.Time()
		if c.Dialed {
			row.Dials++
		}
	}
	row.DBCalls, row.CacheCalls = calls[breakdown.DB], calls[breakdown.Cache]
	row.QueueCalls, row.UpstreamCalls = calls[breakdown.Queue], calls[breakdown.Upstream]
	return row
}

func (m *Maker) segments(r *breakdown.Request, to []Segment) []Segment {
	for i := range r.Path {
		s := &r.Path[i]
		row := Segment{
			CaseID: m.head.CaseID, Request: m.requests, Seq: int32(i + 1), Goroutine: s.Goroutine, Start: s.Start + m.evidence.Offset,
			Time: s.End - s.Start, Bucket: s.Bucket.String(), Phase: s.Phase.String(),
		}
		for _, h := range s.Behind {
			row.Behind += h.Time
		}
		if c := s.Cause; c != nil {
			t := m.texts.cause(c)
			row.System, row.Site, row.State, row.Reason, row.Rule = t.system, t.site, c.State, c.Reason, t.rule
		}
		to = append(to, row)
	}
	return to
}

func (m *Maker) calls(r *breakdown.Request, to []Call) []Call {
	for i := range r.Calls {
		c := &r.Calls[i]
		to = append(to, Call{
			CaseID: m.head.CaseID, Request: m.requests, Seq: int32(i + 1), Goroutine: c.Goroutine, Start: c.Start + m.evidence.Offset,
			Time: c.Time(), OnPath: c.OnPath, Bucket: c.Bucket.String(), System: m.texts.of(c.System), Client: m.texts.of(c.Client),
			Site: m.texts.site(c.Site), Dialed: c.Dialed, Dialing: c.Dialing, Trips: c.Trips, Lookups: c.Lookups,
			TimedOut: c.TimedOut, InTransaction: c.InTransaction,
		})
	}
	return to
}

// samples adds a row for each stack, in the order of their first samples.
func (m *Maker) samples(r *breakdown.Request, to []Sample) []Sample {
	first := len(to)
	var seen []*breakdown.Cause
	for _, c := range r.Samples {
		if i := slices.Index(seen, c); i >= 0 {
			to[first+i].Samples++
			continue
		}
		seen = append(seen, c)
		t := m.texts.cause(c)
		to = append(to, Sample{
			CaseID: m.head.CaseID, Request: m.requests, Seq: int32(len(seen)), Samples: 1, State: c.State,
			Site: t.site, Leaf: t.leaf, Activity: c.Activity.String(), Stack: m.texts.stack(c),
		})
	}
	return to
}

// Path returns where a table's rows of a case belong, with slashes. ending is the format's,
// such as "parquet".
func (m *Maker) Path(t Table, ending string) string {
	return path.Join(string(t), "service="+segment(m.head.Service), "date="+m.date(), segment(cmp.Or(m.head.CaseID, "unknown"))+"."+ending)
}

// unknownDate is what engines read as a partition without a value.
const unknownDate = "__HIVE_DEFAULT_PARTITION__"

// date returns the UTC date on which the window opened, by the clock of start_ns if it is that
// of the day.
func (m *Maker) date() string {
	switch s := &m.b.Source; {
	case m.evidence.Clocked:
		return time.Unix(0, m.evidence.Start+m.evidence.Offset).UTC().Format(time.DateOnly)
	case s.CapturedAt != nil:
		return s.CapturedAt.UTC().Format(time.DateOnly)
	}
	return unknownDate
}

// segment returns a text as part of a path that every file system and object store takes:
// other characters than letters, digits, dots, dashes and underscores become underscores.
func segment(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, text)
	if strings.Trim(text, ".") == "" {
		return "_" // not a folder such as ..
	}
	return text[:min(len(text), 100)]
}

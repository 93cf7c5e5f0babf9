package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"timesink/analyze/breakdown"
)

// Perfetto writes one request in Chrome's trace-event format, which ui.perfetto.dev and
// chrome://tracing open. The service is a process, and each goroutine that worked for
// the request is a thread. The request's own thread shows the whole request and, below
// it, the parts of the path that ran there; arrows show where the path moves to another
// goroutine. Calls, which may overlap, have their own tracks. If a probe sent the
// request, the client's view is a second process.
//
// Times are in microseconds, with nanosecond precision, from the earliest of the
// request, its calls and the probe. Perfetto returns an error if s is nil.
func Perfetto(w io.Writer, b *breakdown.Breakdown, s *breakdown.Specimen) error {
	if s == nil {
		return errors.New("writing a request for Perfetto: there is none")
	}
	t := &eventTrace{r: &s.Request, e: newEndpointIndex(b).of(s), origin: s.Request.Start, threads: map[int64]int{}}
	for _, c := range t.r.Calls {
		t.origin = min(t.origin, c.Start)
	}
	if s.Client != nil {
		t.origin = min(t.origin, s.Client.Start)
		t.client(s.Client)
	}
	t.service(b)
	about := map[string]string{"request": s.ID.String(), "case": b.Source.Case, "target": b.Source.Target, "by": "timesink"}
	if b.Source.Redacted {
		about["redacted"] = "what is private was masked"
	}
	for key, value := range about {
		about[key] = clean(value)
	}
	file := struct {
		Events []event           `json:"traceEvents"`
		Unit   string            `json:"displayTimeUnit"`
		About  map[string]string `json:"otherData"`
	}{t.events, "ns", about}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf) // the encoder escapes what a page could take for markup
	if err := enc.Encode(file); err != nil {
		return fmt.Errorf("encoding the request for Perfetto: %w", err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("writing the request for Perfetto: %w", err)
	}
	return nil
}

// The processes of the trace.
const (
	servicePID = 1
	clientPID  = 2
)

// An event is a trace event: B and E are the ends of a slice, b and e the ends of a
// slice on its own track, s and f the ends of an arrow, and M gives a name. A single
// event with a duration would be simpler, but viewers add the duration to the start in
// floating point. A slice may then end after the next one starts, which is drawn nested
// in it.
type event struct {
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	Phase string         `json:"ph"`
	TS    micros         `json:"ts"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	ID    string         `json:"id,omitempty"`
	Bind  string         `json:"bp,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// micros is a number of nanoseconds, written as microseconds.
type micros int64

// MarshalJSON writes all digits, which a floating-point number would not keep.
func (m micros) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", int64(m)/1000, int64(m)%1000), nil
}

// An eventTrace gathers the events of one request.
type eventTrace struct {
	r       *breakdown.Request
	e       *breakdown.Endpoint
	origin  int64
	threads map[int64]int // by goroutine, from 1
	events  []event
}

// client adds what the probe saw, one phase after another.
func (t *eventTrace) client(v *breakdown.ClientView) {
	t.name("process_name", clientPID, 0, "client: a probe of timesink's")
	t.name("thread_name", clientPID, 1, "probe")
	t.begin(clientPID, 1, title(t.e), "client", v.Start, nil)
	at := v.Start
	for _, p := range v.Phases {
		t.begin(clientPID, 1, p.Phase, "client", at, nil)
		at += p.Mean
		t.end(clientPID, 1, p.Phase, "client", at)
	}
	t.end(clientPID, 1, title(t.e), "client", at)
}

func (t *eventTrace) service(b *breakdown.Breakdown) {
	t.name("process_name", servicePID, 0, "service: "+cmp.Or(b.Source.Target, "unknown"))
	own := t.thread(t.r.Goroutine)
	t.begin(servicePID, own, title(t.e), "request", t.r.Start, t.about())
	for i := range t.r.Path {
		s := &t.r.Path[i]
		if s.End == s.Start {
			continue
		}
		tid, name := t.thread(s.Goroutine), stepName(s.Bucket, s.Phase)
		t.begin(servicePID, tid, name, s.Bucket.String(), s.Start, segmentArgs(s))
		t.end(servicePID, tid, name, s.Bucket.String(), s.End)
	}
	t.end(servicePID, own, title(t.e), "request", t.r.End)
	t.arrows()
	for i := range t.r.Calls {
		t.call(i, &t.r.Calls[i])
	}
}

// about returns what is known of the request itself.
func (t *eventTrace) about() map[string]any {
	args := map[string]any{"goroutine": t.r.Goroutine}
	if t.r.Endpoint != "" {
		args["handler"] = clean(t.r.Endpoint)
	}
	if t.r.Kind != "" {
		args["kind"] = clean(t.r.Kind)
	}
	if t.r.Incomplete {
		args["incomplete"] = "cut by an edge of the window"
	}
	if t.r.Condensed != 0 {
		args["condensed_us"] = micros(t.r.Condensed - t.r.Start) // before that the order is unknown
	}
	return args
}

// thread returns a goroutine's thread, and names it the first time.
func (t *eventTrace) thread(g int64) int {
	if tid, ok := t.threads[g]; ok {
		return tid
	}
	tid := len(t.threads) + 1
	t.threads[g] = tid
	name := "goroutine " + strconv.FormatInt(g, 10)
	if g == t.r.Goroutine {
		name += ", the request's own"
	}
	t.name("thread_name", servicePID, tid, name)
	t.events = append(t.events, event{Name: "thread_sort_index", Phase: "M", PID: servicePID, TID: tid, Args: map[string]any{"sort_index": tid}})
	return tid
}

// segmentArgs returns the evidence for an attribution.
func segmentArgs(s *breakdown.Segment) map[string]any {
	args := map[string]any{"bucket": s.Bucket.String()}
	set := func(key, value string) {
		if value != "" {
			args[key] = clean(value)
		}
	}
	set("phase", s.Phase.String())
	if c := s.Cause; c != nil {
		set("state", c.State)
		set("reason", c.Reason)
		set("system", c.System)
		set("rule", c.Rule)
		set("call_site", fullPlace(c.Site))
		if len(c.Stack) > 0 {
			set("in", fullPlace(c.Stack[0]))
		}
	}
	if len(s.Behind) > 0 {
		most := slices.MaxFunc(s.Behind, func(x, y breakdown.Behind) int { return cmp.Compare(x.Time, y.Time) })
		set("behind", most.Bucket.String())
		if most.Release != nil {
			set("released_at", fullPlace(most.Release.Site))
		}
	}
	return args
}

// fullPlace returns a place with the full path of its file.
func fullPlace(f breakdown.Frame) string {
	if f.File == "" {
		return f.Function
	}
	return f.Function + " " + f.File + ":" + strconv.Itoa(f.Line)
}

// arrows adds an arrow wherever the path moves to another goroutine.
func (t *eventTrace) arrows() {
	var last *breakdown.Segment
	n := 0
	for i := range t.r.Path {
		s := &t.r.Path[i]
		if s.End == s.Start {
			continue
		}
		if last != nil && last.Goroutine != s.Goroutine {
			n++
			id := strconv.Itoa(n)
			// An arrow is attached to the slice that is open at its time; at a slice's
			// end that slice is closed already.
			t.events = append(t.events,
				event{Name: "path", Cat: "path", Phase: "s", TS: t.at(last.End - 1), PID: servicePID, TID: t.thread(last.Goroutine), ID: id},
				event{Name: "path", Cat: "path", Phase: "f", TS: t.at(s.Start), PID: servicePID, TID: t.thread(s.Goroutine), ID: id, Bind: "e"})
		}
		last = s
	}
}

// call adds a call on its own track.
func (t *eventTrace) call(i int, c *breakdown.Call) {
	name := clean(systemOf(c) + " " + function(c.Site.Function))
	args := map[string]any{"bucket": c.Bucket.String(), "call_site": clean(fullPlace(c.Site)), "on_path_us": micros(c.OnPath), "goroutine": c.Goroutine}
	if c.System != "" {
		args["system"] = clean(c.System)
	}
	if c.Dialed {
		args["dialed"] = "a connection was made for it"
	}
	tid, id := t.thread(c.Goroutine), "call-"+strconv.Itoa(i+1)
	t.events = append(t.events,
		event{Name: name, Cat: "call", Phase: "b", TS: t.at(c.Start), PID: servicePID, TID: tid, ID: id, Args: args},
		event{Name: name, Cat: "call", Phase: "e", TS: t.at(c.End), PID: servicePID, TID: tid, ID: id})
}

func (t *eventTrace) begin(pid, tid int, name, cat string, at int64, args map[string]any) {
	t.events = append(t.events, event{Name: clean(name), Cat: cat, Phase: "B", TS: t.at(at), PID: pid, TID: tid, Args: args})
}

func (t *eventTrace) end(pid, tid int, name, cat string, at int64) {
	t.events = append(t.events, event{Name: clean(name), Cat: cat, Phase: "E", TS: t.at(at), PID: pid, TID: tid})
}

func (t *eventTrace) name(what string, pid, tid int, name string) {
	t.events = append(t.events, event{Name: what, Phase: "M", PID: pid, TID: tid, Args: map[string]any{"name": clean(name)}})
}

func (t *eventTrace) at(moment int64) micros { return micros(moment - t.origin) }

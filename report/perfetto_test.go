package report_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A traceEvent is an event of Chrome's format. Times are in microseconds.
type traceEvent struct {
	Name, Cat, Ph, ID, Bp string
	TS                    json.Number
	PID, TID              int
	Args                  map[string]any
}

// nanos converts microseconds to nanoseconds exactly.
func nanos(t *testing.T, n json.Number) int64 {
	t.Helper()
	var whole, fraction int64
	if _, err := fmt.Sscanf(n.String(), "%d.%03d", &whole, &fraction); err != nil || whole < 0 {
		t.Fatalf("%q is not a time: %v", n, err)
	}
	return whole*1000 + fraction
}

func eventsOf(t *testing.T, c aCase, sp *breakdown.Specimen) []traceEvent {
	t.Helper()
	data := twice(t, c.name, func(buf *bytes.Buffer) error { return report.Perfetto(buf, c.b, sp) })
	if !safe(strings.TrimSuffix(string(data), "\n")) || bytes.ContainsAny(data, "<>") {
		t.Errorf("%s: %s holds characters that a page or a terminal acts on", c.name, sp.ID)
	}
	var file struct {
		TraceEvents     []traceEvent
		DisplayTimeUnit string
		OtherData       map[string]string
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	if file.DisplayTimeUnit != "ns" || file.OtherData["request"] != sp.ID.String() || file.OtherData["case"] != c.b.Source.Case {
		t.Errorf("%s: the file is of %v, in %s", c.name, file.OtherData, file.DisplayTimeUnit)
	}
	return file.TraceEvents
}

// A lane is a thread.
type lane struct{ pid, tid int }

// A stretch is a slice of a thread.
type stretch struct {
	start, end int64
	event      traceEvent
}

func TestTheEventsKeepToTheFormat(t *testing.T) {
	for _, c := range cases(t) {
		checkEvents(t, c)
	}
}

// checkEvents checks the rules of the format: slices of a thread nest, ends of calls
// and of arrows come in pairs, arrows start and end in slices, and everything shown has
// a name. All segments and calls are there.
func checkEvents(t *testing.T, c aCase) {
	t.Helper()
	for i := range c.specimens {
		sp := &c.specimens[i]
		name := c.name + ": " + sp.ID.String()
		events := eventsOf(t, c, sp)
		slices := slicesOf(t, name, events)
		checkArrows(t, name, events, slices)
		path := int64(0)
		for _, list := range slices {
			for _, s := range list {
				if s.event.Args["bucket"] != nil {
					path += s.end - s.start
				}
			}
		}
		checkTold(t, name, &sp.Request, path, callsOf(t, name, events))
	}
}

// slicesOf returns the slices by thread. It processes events in order of time, and
// simultaneous ones in file order, as viewers do.
func slicesOf(t *testing.T, name string, events []traceEvent) map[lane][]stretch {
	t.Helper()
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b traceEvent) int { return cmp.Compare(nanos(t, a.TS), nanos(t, b.TS)) })
	open, named, list := map[lane][]stretch{}, map[lane]bool{}, map[lane][]stretch{}
	for _, e := range events {
		on := lane{e.PID, e.TID}
		switch e.Ph {
		case "M":
			named[on] = true
		case "B":
			open[on] = append(open[on], stretch{start: nanos(t, e.TS), event: e})
		case "E":
			n := len(open[on])
			if n == 0 || open[on][n-1].event.Name != e.Name {
				t.Fatalf("%s: slice %q ends, but it is not the innermost of %d", name, e.Name, n)
			}
			s := open[on][n-1]
			s.end, open[on] = nanos(t, e.TS), open[on][:n-1]
			list[on] = append(list[on], s)
		}
	}
	for on := range list {
		if !named[on] || len(open[on]) > 0 {
			t.Errorf("%s: thread %v has a name: %t; %d of its slices have no end", name, on, named[on], len(open[on]))
		}
	}
	return list
}

// callsOf returns the calls, in file order.
func callsOf(t *testing.T, name string, events []traceEvent) (calls [][2]int64) {
	t.Helper()
	opened := map[string]int64{}
	for _, e := range events {
		switch e.Ph {
		case "b":
			opened[e.Cat+e.ID] = nanos(t, e.TS)
		case "e":
			start, ok := opened[e.Cat+e.ID]
			if !ok {
				t.Errorf("%s: call %s ends before it starts", name, e.ID)
			}
			delete(opened, e.Cat+e.ID)
			calls = append(calls, [2]int64{start, nanos(t, e.TS)})
		}
	}
	if len(opened) > 0 {
		t.Errorf("%s: %d calls have no end", name, len(opened))
	}
	return calls
}

func checkArrows(t *testing.T, name string, events []traceEvent, slices map[lane][]stretch) {
	t.Helper()
	from := map[string]traceEvent{}
	for _, e := range events {
		switch e.Ph {
		case "s":
			from[e.ID] = e
		case "f":
			s, ok := from[e.ID]
			if !ok || e.Bp != "e" || s.TID == e.TID || nanos(t, s.TS) >= nanos(t, e.TS) {
				t.Errorf("%s: arrow %s leads from %+v to %+v", name, e.ID, s, e)
			}
			if !covered(slices[lane{s.PID, s.TID}], nanos(t, s.TS)) || !covered(slices[lane{e.PID, e.TID}], nanos(t, e.TS)) {
				t.Errorf("%s: arrow %s starts or ends outside of a slice", name, e.ID)
			}
			delete(from, e.ID)
		}
	}
	if len(from) > 0 {
		t.Errorf("%s: %d arrows have no end", name, len(from))
	}
}

func covered(list []stretch, at int64) bool {
	return slices.ContainsFunc(list, func(s stretch) bool { return s.start <= at && at < s.end })
}

func checkTold(t *testing.T, name string, r *breakdown.Request, path int64, calls [][2]int64) {
	t.Helper()
	if path != r.Wall() {
		t.Errorf("%s: the segments sum to %d ns of %d", name, path, r.Wall())
	}
	if len(calls) != len(r.Calls) {
		t.Fatalf("%s: %d calls, want %d", name, len(calls), len(r.Calls))
	}
	for i, c := range r.Calls {
		if calls[i][1]-calls[i][0] != c.End-c.Start || calls[i][0]-calls[0][0] != c.Start-r.Calls[0].Start {
			t.Errorf("%s: call %d is shown from %d to %d", name, i, calls[i][0], calls[i][1])
		}
	}
}

func TestPerfettoGolden(t *testing.T) {
	c := checkout()
	data := twice(t, c.name, func(buf *bytes.Buffer) error { return report.Perfetto(buf, c.b, &c.specimens[0]) })
	golden(t, "checkout.perfetto.json", bytes.ReplaceAll(data, []byte("},{"), []byte("},\n{")))
}

func TestPerfettoReturnsErrors(t *testing.T) {
	c := checkout()
	checkWriteErrors(t, func(w brokenWriter) error { return report.Perfetto(w, c.b, &c.specimens[0]) })
	if err := report.Perfetto(io.Discard, c.b, nil); err == nil {
		t.Error("writing no request succeeds")
	}
}

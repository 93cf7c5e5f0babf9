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

// A traceEvent is one of Chrome's format, whose numbers are microseconds.
type traceEvent struct {
	Name, Cat, Ph, ID, Bp string
	TS, Dur               json.Number
	PID, TID              int
	Args                  map[string]any
}

// nanos reads microseconds exactly.
func nanos(t *testing.T, n json.Number) int64 {
	t.Helper()
	var whole, fraction int64
	if _, err := fmt.Sscanf(n.String(), "%d.%03d", &whole, &fraction); err != nil || whole < 0 {
		t.Fatalf("%q is no time: %v", n, err)
	}
	return whole*1000 + fraction
}

func eventsOf(t *testing.T, c aCase, sp *breakdown.Specimen) []traceEvent {
	t.Helper()
	data := twice(t, c.name, func(buf *bytes.Buffer) error { return report.Perfetto(buf, c.b, sp) })
	if !safe(strings.TrimSuffix(string(data), "\n")) || bytes.ContainsAny(data, "<>") {
		t.Errorf("%s: %s holds what a page or a terminal acts on", c.name, sp.ID)
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

// A lane is a thread's slices, or one track's.
type lane struct{ pid, tid int }

type stretch struct {
	start, end int64
	event      *traceEvent
}

func TestTheEventsKeepToTheFormat(t *testing.T) {
	for _, c := range cases(t) {
		checkEvents(t, c)
	}
}

// checkEvents holds the rules of the format: slices of a thread nest, the ends of
// calls and of arrows come in pairs, arrows begin and end in slices, and what is
// shown has a name. Segments are all there, and calls.
func checkEvents(t *testing.T, c aCase) {
	t.Helper()
	for i := range c.specimens {
		sp := &c.specimens[i]
		name := c.name + ": " + sp.ID.String()
		slices, named, opened, arrows := map[lane][]stretch{}, map[lane]bool{}, map[string]int64{}, map[string]traceEvent{}
		path, calls := int64(0), [][2]int64{}
		for _, e := range eventsOf(t, c, sp) {
			on := lane{e.PID, e.TID}
			switch e.Ph {
			case "M":
				named[on] = true
			case "X":
				start := nanos(t, e.TS)
				slices[on] = append(slices[on], stretch{start, start + nanos(t, e.Dur), &e})
				if e.Args["bucket"] != nil {
					path += nanos(t, e.Dur)
				}
			case "b":
				opened[e.Cat+e.ID] = nanos(t, e.TS)
			case "e":
				start, ok := opened[e.Cat+e.ID]
				if !ok {
					t.Errorf("%s: call %s ends before it begins", name, e.ID)
				}
				delete(opened, e.Cat+e.ID)
				calls = append(calls, [2]int64{start, nanos(t, e.TS)})
			case "s":
				arrows[e.ID] = e
			case "f":
				from, ok := arrows[e.ID]
				if !ok || e.Bp != "e" || from.TID == e.TID || nanos(t, from.TS) >= nanos(t, e.TS) {
					t.Errorf("%s: arrow %s leads from %+v to %+v", name, e.ID, from, e)
				}
			default:
				t.Errorf("%s: an event is of phase %q", name, e.Ph)
			}
		}
		if len(opened) > 0 {
			t.Errorf("%s: %d calls have no end", name, len(opened))
		}
		for on, list := range slices {
			if !named[on] {
				t.Errorf("%s: thread %v has no name", name, on)
			}
			checkNesting(t, name, list)
		}
		for _, e := range arrows {
			if !covered(slices[lane{e.PID, e.TID}], nanos(t, e.TS)) {
				t.Errorf("%s: arrow %s begins in no slice", name, e.ID)
			}
		}
		checkTold(t, name, &sp.Request, path, calls)
	}
}

// checkNesting takes slices in the order of the file, as viewers take those that
// begin at one moment.
func checkNesting(t *testing.T, name string, list []stretch) {
	t.Helper()
	slices.SortStableFunc(list, func(a, b stretch) int { return cmp.Compare(a.start, b.start) })
	var open []stretch
	for _, s := range list {
		for len(open) > 0 && open[len(open)-1].end <= s.start {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && s.end > open[len(open)-1].end {
			t.Errorf("%s: slice %q goes beyond %q", name, s.event.Name, open[len(open)-1].event.Name)
		}
		open = append(open, s)
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
		t.Fatalf("%s: %d calls of %d", name, len(calls), len(r.Calls))
	}
	for i, c := range r.Calls {
		if calls[i][1]-calls[i][0] != c.End-c.Start || calls[i][0]-calls[0][0] != c.Start-r.Calls[0].Start {
			t.Errorf("%s: call %d is told from %d to %d", name, i, calls[i][0], calls[i][1])
		}
	}
}

func TestARequestForPerfetto(t *testing.T) {
	c := checkout()
	data := twice(t, c.name, func(buf *bytes.Buffer) error { return report.Perfetto(buf, c.b, &c.specimens[0]) })
	golden(t, "checkout.perfetto.json", bytes.ReplaceAll(data, []byte("},{"), []byte("},\n{")))
}

func TestPerfettoTellsWhatFails(t *testing.T) {
	c := checkout()
	checkWriteErrors(t, func(w brokenWriter) error { return report.Perfetto(w, c.b, &c.specimens[0]) })
	if err := report.Perfetto(io.Discard, c.b, nil); err == nil {
		t.Error("no request can be written")
	}
}

package accuracy

import (
	"errors"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
)

const msec = 1_000_000

// agreeing returns n requests of 10 ms, all in one database step, as the tool and as
// the service have them.
func agreeing(n int) (tool []breakdown.Request, service []truth.Request) {
	for i := range int64(n) {
		start := i * 20 * msec
		end := start + 10*msec
		service = append(service, truth.Request{Goroutine: i, Start: start, End: end, Steps: []truth.Step{{Kind: "db", Start: start, End: end}}})
		tool = append(tool, breakdown.Request{Goroutine: i, Start: start, End: end, Path: []breakdown.Segment{{Start: start, End: end, Bucket: breakdown.DB}}})
	}
	return tool, service
}

// rowOf compares the requests. A millisecond on the processor follows each of the
// tool's requests, to leave room for gaps.
func rowOf(tool []breakdown.Request, service []truth.Request, clients []load.Request) Row {
	var reduced []Request
	for i := range tool {
		r := &tool[i]
		r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + msec, Bucket: breakdown.CPU})
		r.End += msec
		reduced = append(reduced, Reduce(r))
	}
	return Compare("", reduced, service, Named, clients, 0, int64(len(service))*20*msec)
}

// A defect in the tool breaks the bounds of a row; a slow machine does not, as far as
// its slowness was measured.
func TestDefectsBreakBounds(t *testing.T) {
	// turn puts the end of a share of the requests into another bucket.
	turn := func(tool []breakdown.Request, every int, ns int64, to breakdown.Bucket) {
		for i := 0; i < len(tool); i += every {
			r := &tool[i]
			r.Path[0].End -= ns
			r.Path = append(r.Path, breakdown.Segment{Start: r.End - ns, End: r.End, Bucket: to})
		}
	}
	busy := Machine{Ran: msec, Delayed: msec}
	for _, test := range []struct {
		name    string
		machine Machine
		change  func(tool []breakdown.Request, service []truth.Request) ([]breakdown.Request, []truth.Request)
		broken  string // part of the message, "" for none
	}{
		{"all agree", Machine{}, nil, ""},
		{"a lock in one request of a hundred", Machine{}, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			turn(b, 100, 2*msec, breakdown.Lock)
			return b, s
		}, ""},
		{"a lock in each request", Machine{}, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			turn(b, 1, msec/2, breakdown.Lock)
			return b, s
		}, "neither in the step's bucket"},
		{"a step that is called computing", Machine{Ran: msec / 10}, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			turn(b, 1, 3*msec, breakdown.CPU)
			return b, s
		}, "are no computing"},
		{"a step that waited for the processors", busy, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			turn(b, 1, 3*msec, breakdown.Scheduler)
			return b, s
		}, ""},
		{"half of the requests were not seen", busy, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			return b[:len(b)/2], s
		}, "missed"},
		{"a request that never was", busy, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			return b, s[1:]
		}, "unknown to it"},
		{"a step longer than its stopwatch", Machine{}, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			for i := range s {
				s[i].Steps[0].End -= msec / 2
			}
			return b, s
		}, "exceed the stopwatches"},
		{"a preemption between stopwatch and event", busy, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			for i := range s {
				s[i].Steps[0].End -= msec / 2
			}
			return b, s
		}, ""},
		{"no rule", Machine{}, func(b []breakdown.Request, s []truth.Request) ([]breakdown.Request, []truth.Request) {
			turn(b, 1, 10*msec, breakdown.Unknown)
			return b, s
		}, "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tool, service := agreeing(100)
			if test.change != nil {
				tool, service = test.change(tool, service)
			}
			row := rowOf(tool, service, nil)
			row.Machine = test.machine
			broken := row.Check()
			if test.broken == "" && len(broken) > 0 {
				t.Errorf("broken: %v", broken)
			}
			if test.broken != "" && !strings.Contains(errors.Join(broken...).Error(), test.broken) {
				t.Errorf("broken: %v, not %q", broken, test.broken)
			}
		})
	}
}

// A request lies within its client's, except for the server's processor time after
// the answer and the write during which the client got it.
func TestARequestNestsInItsClients(t *testing.T) {
	client := &load.Request{Start: 10 * msec, End: 20 * msec}
	for _, test := range []struct {
		name string
		path []breakdown.Segment
		want int64
	}{
		{"within", []breakdown.Segment{{Start: 11 * msec, End: 19 * msec, Bucket: breakdown.DB}}, 0},
		{"a write that lasts", []breakdown.Segment{{Start: 11 * msec, End: 19 * msec, Bucket: breakdown.DB}, {Start: 19 * msec, End: 22 * msec, Bucket: breakdown.ClientIO}}, 0},
		{"off its processor at the end", []breakdown.Segment{{Start: 11 * msec, End: 20 * msec, Bucket: breakdown.DB}, {Start: 20 * msec, End: 25 * msec, Bucket: breakdown.Scheduler}}, 0},
		{"waiting for the next one", []breakdown.Segment{{Start: 11 * msec, End: 21 * msec, Bucket: breakdown.CPU}, {Start: 21 * msec, End: 25 * msec, Bucket: breakdown.ClientIO}}, 4 * msec},
		{"begun before it was sent", []breakdown.Segment{{Start: 8 * msec, End: 19 * msec, Bucket: breakdown.DB}}, 2*msec - nest},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Request{Start: test.path[0].Start, End: test.path[len(test.path)-1].End, Path: test.path}
			if got := beyond(&r, client); got != test.want {
				t.Errorf("%d ns lie beyond, not %d", got, test.want)
			}
		})
	}
}

// A library computes while it connects: that time is cpu, not a phase. Any other
// missing time is an error.
func TestAPhaseMayLackProcessorTime(t *testing.T) {
	for _, test := range []struct {
		name string
		rest breakdown.Bucket // bucket of the last of five milliseconds
		fine bool
	}{{"it ran", breakdown.CPU, true}, {"it waited for a core", breakdown.Scheduler, true}, {"it was asleep", breakdown.Sleep, false}} {
		t.Run(test.name, func(t *testing.T) {
			var tool []Request
			var service []truth.Request
			for i := range int64(100) {
				start, end := i*20*msec, i*20*msec+5*msec
				service = append(service, truth.Request{Goroutine: i, Start: start, End: end, Steps: []truth.Step{{Kind: "cache/connect", Start: start, End: end}}})
				tool = append(tool, Reduce(&breakdown.Request{Goroutine: i, Start: start, End: end, Path: []breakdown.Segment{
					{Start: start, End: end - msec, Bucket: breakdown.Cache, Phase: breakdown.Connect}, {Start: end - msec, End: end, Bucket: test.rest}}}))
			}
			row := Compare("", tool, service, Named, nil, 0, 100*20*msec)
			row.Measured[breakdown.Cache] = Pair{} // has a separate bound
			if broken := row.Check(); (len(broken) == 0) != test.fine {
				t.Errorf("%v", broken)
			}
		})
	}
}

// For requests cut by the window's edges, the part inside the window is compared with
// the stopwatches, clipped to the window.
func TestCutRequestsAreComparedWithTheirSteps(t *testing.T) {
	// The window is from 0 to 100 ms. One request sleeps from before it, the other
	// queries until after it.
	service := []truth.Request{
		{Goroutine: 1, Start: -5 * msec, End: 10 * msec, Steps: []truth.Step{{Kind: "sleep", Start: -5 * msec, End: 10 * msec}}},
		{Goroutine: 2, Start: 80 * msec, End: 120 * msec, Steps: []truth.Step{{Kind: "db/query", Start: 80 * msec, End: 120 * msec}}},
	}
	for _, test := range []struct {
		name         string
		first, last  breakdown.Bucket
		broken       int
		share, wrong float64
	}{
		{"all is known", breakdown.Sleep, breakdown.DB, 0, 0, 0},
		{"the wait under way at the opening is not", breakdown.Unknown, breakdown.DB, 1, 1. / 3, 0},
		{"the one at the end is not", breakdown.Sleep, breakdown.Unknown, 1, 2. / 3, 0},
		{"a guess that is wrong", breakdown.Wait, breakdown.DB, 1, 0, 1. / 3},
		{"the processor's is never wrong", breakdown.Scheduler, breakdown.DB, 0, 0, 0},
	} {
		var tool []Request
		for _, r := range []breakdown.Request{
			{Goroutine: 1, Start: 0, End: 10 * msec, Incomplete: true, Path: []breakdown.Segment{{Start: 0, End: 10 * msec, Bucket: test.first}}},
			{Goroutine: 2, Start: 80 * msec, End: 100 * msec, Incomplete: true, Path: []breakdown.Segment{{Start: 80 * msec, End: 100 * msec, Bucket: test.last}}},
		} {
			tool = append(tool, Reduce(&r))
		}
		row := Compare("", tool, service, Named, nil, 0, 100*msec)
		row.Wall.Service = 40 * msec // of complete ones
		broken := CheckCuts([]Row{row})
		near := func(got, want float64) bool { return got > want-0.01 && got < want+0.01 }
		c := &row.Cut
		if len(broken) != test.broken || len(row.CheckCut()) > 0 || !near(c.UnknownShare(), test.share) ||
			!near(float64(c.Wrong)/float64(c.Steps), test.wrong) || c.Requests != 2 || c.Missed != 0 || c.Service != 30*msec {
			t.Errorf("%s: %v, %+v", test.name, broken, c)
		}
	}
}

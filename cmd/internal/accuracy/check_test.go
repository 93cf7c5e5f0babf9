package accuracy

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/truth"
)

// What waiting for cores explains is measured again, and nothing else is.
func TestWhatIsMeasuredAgain(t *testing.T) {
	const ms = 1_000_000
	// n requests of 10 ms, all in one step for the database. In some of them the
	// last two milliseconds of it were spent in a lock.
	compare := func(n, locked, unseen int) Row {
		var tool []Request
		var service []truth.Request
		for i := range n {
			start := int64(i) * 20 * ms
			end := start + 10*ms
			service = append(service, truth.Request{Goroutine: int64(i), Start: start, End: end, Steps: []truth.Step{{Kind: "db", Start: start, End: end}}})
			db := end
			if i < locked {
				db -= 2 * ms
			}
			r := breakdown.Request{Goroutine: int64(i), Start: start, End: end, Path: []breakdown.Segment{{Start: start, End: db, Bucket: breakdown.DB}}}
			if db < end {
				r.Path = append(r.Path, breakdown.Segment{Start: db, End: end, Bucket: breakdown.Lock})
			}
			if i >= unseen {
				tool = append(tool, Reduce(&r))
			}
		}
		return Compare("", tool, service, Named, nil, 0, int64(n)*20*ms)
	}
	for _, test := range []struct {
		name              string
		n, locked, unseen int
		broken, again     bool
	}{
		{name: "all agree", n: 100},
		{"a lock in one request of a hundred", 100, 1, 0, true, true},
		{"a lock in one request of fifty", 100, 2, 0, true, false},
		{"few requests in the window", 40, 0, 0, true, true},
		{"few requests, of which one was not seen", 40, 0, 1, true, false},
		{"half of the requests were not seen", 80, 0, 40, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			row := compare(test.n, test.locked, test.unseen)
			// A lock is in no bucket of the processor's: leave the gaps to others.
			row.Buckets[breakdown.CPU] = ms
			broken := row.Check()
			if (len(broken) > 0) != test.broken || Again(broken) != test.again {
				t.Errorf("measured again: %t, for %v", Again(broken), broken)
			}
		})
	}
}

// A library computes while it makes a connection: that is cpu, and no phase. What is
// neither is missing.
func TestAPhaseMayLackWhatRan(t *testing.T) {
	const ms = 1_000_000
	for _, test := range []struct {
		name string
		rest breakdown.Bucket // what the last millisecond of five is
		fine bool
	}{{"it ran", breakdown.CPU, true}, {"it waited for a core", breakdown.Scheduler, true}, {"it was asleep", breakdown.Sleep, false}} {
		t.Run(test.name, func(t *testing.T) {
			var tool []Request
			var service []truth.Request
			for i := range int64(100) {
				start, end := i*20*ms, i*20*ms+5*ms
				service = append(service, truth.Request{Goroutine: i, Start: start, End: end, Steps: []truth.Step{{Kind: "cache/connect", Start: start, End: end}}})
				tool = append(tool, Reduce(&breakdown.Request{Goroutine: i, Start: start, End: end, Path: []breakdown.Segment{
					{Start: start, End: end - ms, Bucket: breakdown.Cache, Phase: breakdown.Connect}, {Start: end - ms, End: end, Bucket: test.rest}}}))
			}
			row := Compare("", tool, service, Named, nil, 0, 100*20*ms)
			row.Measured[breakdown.Cache] = Pair{} // has a bound of its own
			if broken := row.Check(); (len(broken) == 0) != test.fine {
				t.Errorf("%v", broken)
			}
		})
	}
}

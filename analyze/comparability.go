package analyze

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// Whether two sides can be compared at all: a change of the build must not be confused
// with another moment, or another load.

// The reasons why nothing can be decided. They are codes of warnings.
const (
	oneCapture      = "one-capture"
	oneAfterAnother = "one-after-another"
	otherLoad       = "other-load"
)

// A comparability says whether a change of the build can be told from other changes.
type comparability struct {
	oneCapture, inTurn, otherLoad bool
	neighbors                     bool // other programs took more of the cores on one side
}

func compareSides(c *breakdown.Comparison, before, after *breakdown.Breakdown) comparability {
	return comparability{
		oneCapture: min(c.Before.Captures, c.After.Captures) < 2,
		inTurn:     inTurn(before.Captures, after.Captures),
		otherLoad:  loadsApart(&c.Before, &c.After),
		neighbors:  neighborsDiffer(before.Captures, after.Captures),
	}
}

// largestImbalance is how far the shares of the two sides' captures that were taken by
// some time may differ if they were taken in turn. It is 1 if all of one side came
// first.
const largestImbalance = 1.0 / 3

// inTurn reports whether the captures of two sides were taken in turn, so that whatever
// changes with time affects both alike: at any time, about the same share of either side
// had been taken. One capture that is ahead is no imbalance. Captures at the same time
// come in no order. Captures whose time is unknown may have been taken in any order.
func inTurn(before, after []breakdown.Capture) bool {
	type taken struct {
		at   time.Time
		step [2]float64 // what it adds to the share of each side
	}
	var all []taken
	shortest := time.Duration(math.MaxInt64)
	for i, side := range [][]breakdown.Capture{before, after} {
		for _, c := range side {
			if c.At == nil {
				return false
			}
			t := taken{at: *c.At}
			t.step[i] = 1 / float64(len(side))
			all = append(all, t)
			shortest = min(shortest, time.Duration(c.Covered))
		}
	}
	least := min(len(before), len(after))
	if least == 0 {
		return false
	}
	slices.SortStableFunc(all, func(x, y taken) int { return x.at.Compare(y.at) })
	allowed := largestImbalance + 1e-9
	if least > 1 {
		allowed = max(allowed, 1/float64(least)+1e-9)
	}
	share := [2]float64{}
	for i, t := range all {
		share[0] += t.step[0]
		share[1] += t.step[1]
		together := i+1 < len(all) && all[i+1].at.Sub(t.at) < shortest/2
		if !together && math.Abs(share[0]-share[1]) > allowed {
			return false
		}
	}
	return true
}

// mostLoadApart is by how much the loads of two sides may differ.
const mostLoadApart = 0.05

// leastBusier is how much less the number of requests at once may differ than their rate
// for another load, in logarithms. A load that is 20% lower on a service 15% slower is 3.
const leastBusier = 4

// loadsApart reports whether the service had more to do on one side: its requests came
// at another rate, by more than mostLoadApart and what the count leaves to chance, and
// the number of requests at once differs in the same direction, and not by far less. If it
// is about the same, or differs in the other direction, the clients wait for answers before
// they send more, so a slower service gets fewer requests from the same clients.
func loadsApart(before, after *breakdown.Side) bool {
	if before.Rate <= 0 || after.Rate <= 0 || before.Concurrency <= 0 || after.Concurrency <= 0 {
		return false
	}
	chance := math.Sqrt(1/float64(before.Requests) + 1/float64(after.Requests))
	rate := math.Log(after.Rate / before.Rate)
	busy := math.Log(after.Concurrency / before.Concurrency)
	return math.Abs(rate) > math.Log1p(mostLoadApart)+chance && busy*rate > 0 && math.Abs(busy) > max(math.Log1p(mostLoadApart), math.Abs(rate)/leastBusier)
}

// about returns the warnings of a comparison: why it decides nothing, and differences
// between the sides that make them hard to compare.
func (d comparability) about(c *breakdown.Comparison, before, after *breakdown.Breakdown) []breakdown.Warning {
	w := warnings{list: []breakdown.Warning{}}
	b, a := &c.Before, &c.After
	differ := func(code string, x, y float64) {
		if x != y {
			w.add(code, breakdown.Doubt{Before: x, After: y})
		}
	}
	if b.Requests == 0 || a.Requests == 0 {
		w.add("no-requests", breakdown.Doubt{})
	}
	for _, code := range c.Undecided {
		switch code {
		case oneCapture:
			w.add("one-capture", breakdown.Doubt{Count: int64(min(b.Captures, a.Captures))})
		case oneAfterAnother:
			w.add("one-after-another", breakdown.Doubt{})
		}
	}
	if d.otherLoad {
		w.add("other-load", breakdown.Doubt{Before: b.Rate, After: a.Rate})
	}
	if min(b.Source.GOMAXPROCS, a.Source.GOMAXPROCS) > 0 {
		differ("other-gomaxprocs", float64(b.Source.GOMAXPROCS), float64(a.Source.GOMAXPROCS))
	}
	if x, y := b.Source.GoVersion, a.Source.GoVersion; x != y && x != "" && y != "" {
		w.add("other-go", breakdown.Doubt{GoBefore: x, GoAfter: y})
	}
	differ("other-probes", b.Source.ProbeRate, a.Source.ProbeRate)
	if d.neighbors {
		w.add("other-neighbors", breakdown.Doubt{Before: *b.OffCore, After: *a.OffCore})
	}
	for i, of := range []*breakdown.Breakdown{before, after} {
		for _, from := range of.Warnings {
			if from.Code == "trace-truncated" || strings.HasPrefix(from.Code, "generations-") {
				w.pass(from, []string{"before", "after"}[i])
			}
		}
	}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		if n := min(e.RequestsBefore, e.RequestsAfter); e.Status == "both" && n < fewRequests && (e.ShareBefore > negligible || e.ShareAfter > negligible) {
			w.add("few-requests", breakdown.Doubt{Endpoint: cmp.Or(e.Route, e.Name), Before: float64(e.RequestsBefore), After: float64(e.RequestsAfter)})
		}
	}
	return w.list
}

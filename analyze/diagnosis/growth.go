package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A Growth is the goroutines that one place of the service started in the window and that
// were all at one place when it closed, without those that work for an open request.
type Growth struct {
	Site breakdown.Frame // that started them
	Root string          // the function that they run
	// They are at Stands, with Reason. Waits is set if only another goroutine ends that.
	Stands breakdown.Frame
	Reason string
	Waits  bool
	// Unread is set if they wait for a response to be read or closed.
	Unread bool
	// Created counts all that were started in the window, Ended those that ended, and
	// Alive those at Stands, Quarters by the quarter of the window in which they were
	// started.
	Created, Ended, Alive int64
	Quarters              [4]int64
	// Older counts those like them from before the window, and OlderEnded those that
	// ended in it.
	Older, OlderEnded int64
	// Before and After count the goroutines with the same root in the profiles before and
	// after the window, and AllBefore and AllAfter all: 0 without such profiles.
	Before, After, AllBefore, AllAfter int64
}

// Goroutines grow if of those that were started in each quarter of the window about as many
// are left, and those from before do not end either:
//
//   - In each quarter at least steadyGrowth of a quarter's average. Workers and connections
//     that are started once, as after a start or when the load rises, do not go on like
//     that. Of jobs that outlast their request for less than three quarters of the window,
//     none of the first quarter are left.
//   - Of those from before the window, at most mostEnding of the number of new ones have
//     ended. Jobs that take longer end at the rate at which they are started.
//   - Their like was there before the window, unless they wait to send. If it was not, they
//     may be the first of jobs that wait for minutes.
//   - They wait for another goroutine. Those that sleep, run or call another system may
//     end by themselves.
const (
	growthWindow = 2_500_000_000 // ns
	fewestGrown  = 12
	steadyGrowth = 0.4
	mostEnding   = 0.1
	olderGrowth  = 0.2
)

// grows reports whether these goroutines pile up.
func (g *Growth) grows(window int64) bool {
	if window < growthWindow || g.Alive < fewestGrown || !g.Waits || !g.steady() {
		return false
	}
	return float64(g.OlderEnded) <= mostEnding*float64(g.Alive) &&
		(g.Reason == "chan send" || float64(max(g.Older, g.Before)) >= olderGrowth*float64(g.Alive))
}

// steady reports whether about as many are left of each quarter of the window.
func (g *Growth) steady() bool {
	return !slices.ContainsFunc(g.Quarters[:], func(n int64) bool { return 4*float64(n) < steadyGrowth*float64(g.Alive) })
}

// unread returns the responses that are left open throughout the window, nil if there are
// none. A connection whose response is read later ends, or serves the next call.
func (in *Input) unread() *Growth {
	i := slices.IndexFunc(in.Growth, func(g Growth) bool {
		return g.Unread && g.Alive >= fewestGrown && 2*g.Alive >= g.Created && g.steady()
	})
	if i < 0 {
		return nil
	}
	return &in.Growth[i]
}

// growing returns the causes of goroutines that pile up: they cost no request time, as
// long as there is memory for them.
func growing(in *Input) (list []*sum) {
	requests := int64(0)
	for i := range in.Endpoints {
		requests += in.Endpoints[i].Requests
	}
	seen := map[breakdown.Frame]bool{}
	if g := in.unread(); g != nil {
		seen[g.Site] = true // said with the calls that dial
	}
	for i := range in.Growth {
		g := &in.Growth[i]
		if seen[g.Site] || !g.grows(in.Source.Covered) {
			continue
		}
		seen[g.Site] = true
		facts := breakdown.Facts{
			{Kind: breakdown.FactGrown, Name: g.Root, Place: breakdown.Place(g.Site), Value: float64(g.Alive)},
			{Kind: breakdown.FactGrownIn, Value: float64(in.Source.Covered)},
			{Kind: breakdown.FactGrownStarted, Value: float64(g.Created)},
			{Kind: breakdown.FactGrownEnded, Value: float64(g.Ended)},
			{Kind: breakdown.FactGrownAt, Name: g.Reason, Place: breakdown.Place(g.Stands), Value: float64(g.Alive)},
		}
		if requests > 0 {
			facts = append(facts, breakdown.Fact{Kind: breakdown.FactGrownRequests, Value: float64(requests)})
		}
		if g.AllAfter > 0 && g.AllBefore > 0 {
			facts = append(facts, breakdown.Fact{Kind: breakdown.FactGoroutinesBefore, Value: float64(g.AllBefore)},
				breakdown.Fact{Kind: breakdown.FactGoroutinesAfter, Value: float64(g.AllAfter)})
		}
		list = append(list, &sum{Explanation: breakdown.Explanation{ID: "goroutines-grow", Confidence: breakdown.Likely, Endpoints: []string{}, Facts: facts, Shown: true}})
	}
	return list
}

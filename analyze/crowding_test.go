package analyze

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

func askAt(site string, start, end int64) ask {
	return ask{start, end, end - start, &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: site}}}
}

func TestCallsInFlightAreCounted(t *testing.T) {
	list := []ask{askAt("a", 0, 100), askAt("a", 50, 60), askAt("b", 60, 90), askAt("a", 200, 300)}
	all := &asks{full: true, list: [breakdown.NumBuckets][]ask{breakdown.DB: list}}
	p := all.places(breakdown.DB)
	f, b := &p.all, p.flight(list[2].cause.Site)
	for at, want := range map[int64]int{0: 1, 49: 1, 50: 2, 59: 2, 60: 2, 90: 1, 100: 0, 200: 1} {
		if got := f.at(at); got != want {
			t.Errorf("at %d there are %d in flight, not %d", at, got, want)
		}
	}
	if b.at(59) != 0 || b.at(60) != 1 || b.at(90) != 0 {
		t.Errorf("of b there are %d, %d and %d in flight", b.at(59), b.at(60), b.at(90))
	}
	if p.known != 150 {
		t.Errorf("the calls in flight are known until %d", p.known)
	}
}

// An answer that comes in pieces is waited for more than once: the waits are one call.
func TestAnAnswerInPiecesIsOneCall(t *testing.T) {
	e := newEndpoint(newAccount(0), endpointKey{name: "main.list"}, 1)
	cause := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.list"}}
	wait := func(start, end int64) breakdown.Segment {
		return breakdown.Segment{Bucket: breakdown.Cache, Phase: breakdown.Cache.Usual(), Goroutine: 1, Start: start, End: end, Cause: cause}
	}
	call := func(start, end int64) breakdown.Call {
		return breakdown.Call{Bucket: breakdown.Cache, Goroutine: 1, Start: start, End: end}
	}
	for range 2 { // requests of the same times are different requests
		e.asks = nil
		e.addPath(&breakdown.Request{
			Path:  []breakdown.Segment{wait(10, 20), wait(25, 95), wait(110, 120), wait(130, 140)},
			Calls: []breakdown.Call{call(5, 100), call(105, 120), call(125, 140)},
		})
		list := e.asks[0].list[breakdown.Cache]
		want := []ask{{10, 95, 80, cause}, {110, 120, 10, cause}, {130, 140, 10, cause}}
		if !slices.Equal(list, want) {
			t.Errorf("the calls are %+v, not %+v", list, want)
		}
	}
}

func TestCallsAreComparedByHowManyAreInFlight(t *testing.T) {
	var list []asked
	for n := 1; n <= 4; n++ {
		for range 30 {
			list = append(list, asked{inFlight: n, took: int64(n) * 1000})
		}
	}
	few, many := levelsOf(list)
	if few.InFlight != 1.5 || few.Each != 1500 || many.InFlight != 3.5 || many.Each != 3500 {
		t.Errorf("the levels are %+v and %+v", few, many)
	}
	for name, list := range map[string][]asked{"few": list[:10], "alike": list[30:60]} {
		if few, many := levelsOf(list); few != (diagnosis.Level{}) || many != few {
			t.Errorf("%s: %+v, %+v", name, few, many)
		}
	}
}

// Short calls that wait behind long ones of another place take longer while one of these is
// in flight.
func TestCallsBehindOthersAreFound(t *testing.T) {
	e := newEndpoint(newAccount(0), endpointKey{name: "main.small"}, 1)
	all := &asks{}
	e.asks = []*asks{all}
	for i := range int64(60) {
		at := i * 100_000
		all.list[breakdown.Cache] = append(all.list[breakdown.Cache], askAt("main.large", at, at+40_000), askAt("main.small", at+10_000, at+41_000), askAt("main.small", at+60_000, at+61_000))
	}
	e.buckets[breakdown.Cache].total = 60 * 32_000
	whole := int64(60 * 32_000)
	b := e.behind(breakdown.Cache, breakdown.Frame{Function: "main.small"}, whole)
	if b == nil || b.Site.Function != "main.large" || b.Each != 40_000 || b.With.Each != 31_000 || b.Without.Each != 1000 || b.Share < 0.9 {
		t.Errorf("they wait behind %+v", b)
	}
}

package breakdown_test

import (
	"math/rand"
	"reflect"
	"testing"

	"timesink/analyze/breakdown"
)

func TestBarsDoNotDependOnTheOrder(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	type req struct {
		id    breakdown.RequestID
		wall  int64
		spent [breakdown.NumBuckets]int64
	}
	var all []req
	for i := range 5000 {
		wall := int64(rng.ExpFloat64() * 5e6)
		r := req{id: breakdown.RequestID{Goroutine: int64(i % 37), Start: int64(i) * 1000}, wall: wall}
		r.spent[breakdown.CPU], r.spent[breakdown.DB] = wall/3, wall-wall/3
		all = append(all, r)
	}
	var whole, left, right breakdown.Bars
	for _, r := range all {
		whole.Add(r.id, r.wall, &r.spent)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, r := range all {
		if i%2 == 0 {
			left.Add(r.id, r.wall, &r.spent)
		} else {
			right.Add(r.id, r.wall, &r.spent)
		}
	}
	left.Merge(&right)
	if !reflect.DeepEqual(whole.List(), left.List()) {
		t.Error("merging two halves in another order gives other bars")
	}
	requests, wall, last := int64(0), int64(0), int64(-1)
	for _, b := range whole.List() {
		if b.Low <= last || b.High < b.Low || float64(b.High-b.Low) > 0.0443*float64(b.Low)+1 {
			t.Errorf("bar [%d, %d] follows %d", b.Low, b.High, last)
		}
		last = b.High
		requests += b.Requests
		for _, s := range b.Buckets {
			wall += s
		}
	}
	sum := int64(0)
	for _, r := range all {
		sum += r.wall
	}
	if requests != 5000 || wall != sum {
		t.Errorf("%d requests of %d ns, not 5000 of %d", requests, wall, sum)
	}
	d := breakdown.Detail{Bars: whole.List()}
	for _, b := range d.Bars {
		if got := d.At((b.Low + b.High) / 2); got.Low != b.Low {
			t.Errorf("the bar at %d is [%d, %d]", (b.Low+b.High)/2, got.Low, got.High)
		}
	}
	if first, last := d.At(-1), d.At(1<<60); first.Low != d.Bars[0].Low || last.High != d.Bars[len(d.Bars)-1].High {
		t.Error("a time beyond the bars does not get the nearest one")
	}
}

func TestRequestIDsRoundTrip(t *testing.T) {
	for _, id := range []breakdown.RequestID{{Goroutine: 18, Start: 1234567890}, {Capture: 1, Goroutine: 7, Start: 5}} {
		if back, err := breakdown.ParseRequestID(id.String()); err != nil || back != id {
			t.Errorf("%s came back as %v: %v", id, back, err)
		}
	}
	for _, bad := range []string{"", "slowest", "g18", "18-5", "gx-5", "g1-x", "c1-g1-5", "c0-g1-5", "cx-g1-5", "g1-5-6"} {
		if id, err := breakdown.ParseRequestID(bad); err == nil {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
}

func TestRequestsAreFoundByAWord(t *testing.T) {
	var bars breakdown.Bars
	slowest := breakdown.RequestID{Goroutine: 3, Start: 500}
	for i, wall := range []int64{1000, 1000, 1000, 5000, 9000} {
		bars.Add(breakdown.RequestID{Goroutine: int64(i), Start: wall}, wall, &[breakdown.NumBuckets]int64{breakdown.CPU: wall})
	}
	empty := breakdown.Endpoint{Detail: &breakdown.Detail{}}
	b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{{}, empty, {
		Wall: breakdown.Stats{P50: 1000, P95: 5000, P99: 9000}, Detail: &breakdown.Detail{Bars: bars.List(), Slowest: slowest},
	}}}
	for word, start := range map[string]int64{"slowest": 500, "p50": 1000, "p95": 5000, "p99": 9000, "g4-77": 77} {
		if id, err := b.Find(word); err != nil || id.Start != start {
			t.Errorf("%s is %s: %v", word, id, err)
		}
	}
	if _, err := b.Find("fastest"); err == nil {
		t.Error("no error for an unknown word")
	}
	b.Endpoints = b.Endpoints[:2]
	if _, err := b.Find("slowest"); err == nil {
		t.Error("no error without requests")
	}
}

func TestOnlyKeepsTheEndpointsThatAUserMeans(t *testing.T) {
	b := &breakdown.Breakdown{
		Endpoints: []breakdown.Endpoint{{Name: "example.com/shop.(*API).Order", Route: "GET /order"}, {Name: "main.health"}},
		Findings:  []breakdown.Finding{{Endpoint: "GET /order"}, {Endpoint: "main.health"}, {Endpoint: "example.com/shop.(*API).Order"}},
	}
	for name, want := range map[string][2]int{
		"GET /order": {1, 2}, "example.com/shop.(*API).Order": {1, 2}, "(*API).Order": {1, 2}, "shop.(*API).Order": {1, 2},
		"health": {1, 1}, "Order": {1, 2}, "order": {0, 0}, "GET": {0, 0},
	} {
		if only := b.Only(name); len(only.Endpoints) != want[0] || len(only.Findings) != want[1] {
			t.Errorf("%q keeps %d endpoints and %d findings, not %d", name, len(only.Endpoints), len(only.Findings), want)
		}
	}
	if len(b.Endpoints) != 2 || len(b.Findings) != 3 {
		t.Error("the original was changed")
	}
}

func TestEachTimeLiesInItsBar(t *testing.T) {
	for _, wall := range []int64{0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 1000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5_000_000_000, 1<<32 - 1, 1 << 32, 1<<40 + 12345, 1 << 61} {
		for _, w := range []int64{wall, wall + wall/7, wall + wall/3} {
			var bars breakdown.Bars
			bars.Add(breakdown.RequestID{}, w, &[breakdown.NumBuckets]int64{})
			if b := bars.List()[0]; w < b.Low || w > b.High {
				t.Errorf("%d ns is counted in [%d, %d]", w, b.Low, b.High)
			}
		}
	}
}

// The time in phases with a color of their own is kept by bar, and merged like the rest.
func TestBarsKeepTheTimeOfDistinctPhases(t *testing.T) {
	spent, distinct := [breakdown.NumBuckets]int64{breakdown.DB: 900, breakdown.CPU: 100}, [breakdown.NumBuckets]int64{breakdown.DB: 700}
	bars := func(walls ...int64) *breakdown.Bars {
		var b breakdown.Bars
		for i, w := range walls {
			b.Add(breakdown.RequestID{Start: int64(i)}, w, &spent)
			b.AddDistinct(w, &distinct)
		}
		return &b
	}
	merged := bars(1000)
	merged.Merge(bars(1000, 5000))
	list := merged.List()
	if len(list) != 2 || list[0].Distinct[breakdown.DB] != 1400 || list[0].Buckets[breakdown.DB] != 1800 || list[1].Distinct[breakdown.DB] != 700 || list[0].Distinct[breakdown.CPU] != 0 {
		t.Errorf("the bars are %+v", list)
	}
}

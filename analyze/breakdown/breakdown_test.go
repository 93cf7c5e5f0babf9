package breakdown_test

import (
	"encoding/json"
	"math/rand"
	"sort"
	"testing"

	"timesink/analyze/breakdown"
)

func TestQuantilesAreWithinHalfAPercent(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var h, a, b breakdown.Histogram
	var all []int64
	for i := range 20000 {
		v := int64(rng.ExpFloat64() * 1e6 * float64(1+i%1000))
		all = append(all, v)
		h.Record(v)
		if i%2 == 0 {
			a.Record(v)
		} else {
			b.Record(v)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	b.Merge(&a)
	for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 0.999, 1} {
		want := all[max(int(q*float64(len(all)))-1, 0)]
		got := h.Quantile(q)
		if diff := float64(got - want); diff > 0.005*float64(want)+1 || -diff > 0.005*float64(want)+1 {
			t.Errorf("quantile %v = %d, exactly %d", q, got, want)
		}
		if b.Quantile(q) != got {
			t.Errorf("quantile %v of the merged histogram is %d, of the whole %d", q, b.Quantile(q), got)
		}
	}
	if h.Max() != all[len(all)-1] || h.N() != int64(len(all)) {
		t.Errorf("max %d, n %d", h.Max(), h.N())
	}
}

func TestHistogramStepsTouch(t *testing.T) {
	var h breakdown.Histogram
	for v := int64(0); v < 1<<14; v++ {
		h.Record(v)
	}
	next := int64(0)
	h.Each(func(lo, hi, count int64) {
		if lo != next || hi < lo || count != hi-lo+1 {
			t.Fatalf("step [%d, %d] with %d counts follows %d", lo, hi, count, next)
		}
		next = hi + 1
	})
}

func TestNamesRoundTrip(t *testing.T) {
	for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
		var back breakdown.Bucket
		text, _ := json.Marshal(b)
		if err := json.Unmarshal(text, &back); err != nil || back != b {
			t.Errorf("%s came back as %s: %v", text, back, err)
		}
	}
	for p := breakdown.Phase(0); p < breakdown.NumPhases; p++ {
		var back breakdown.Phase
		text, _ := json.Marshal(p)
		if err := json.Unmarshal(text, &back); err != nil || back != p {
			t.Errorf("%s came back as %s: %v", text, back, err)
		}
	}
	var b breakdown.Bucket
	if err := json.Unmarshal([]byte(`"disk"`), &b); err == nil {
		t.Error("an unknown bucket name was accepted")
	}
}

func TestCheckFindsWhatDoesNotAddUp(t *testing.T) {
	whole := func() *breakdown.Request {
		return &breakdown.Request{Start: 10, End: 30, Path: []breakdown.Segment{
			{Start: 10, End: 15, Bucket: breakdown.CPU}, {Start: 15, End: 30, Bucket: breakdown.DB, Phase: breakdown.Query},
		}, Calls: []breakdown.Call{{Start: 15, End: 30, OnPath: 15}}}
	}
	if err := whole().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*breakdown.Request){
		"a gap":                       func(r *breakdown.Request) { r.Path[1].Start++ },
		"an overlap":                  func(r *breakdown.Request) { r.Path[0].End++ },
		"a path that ends early":      func(r *breakdown.Request) { r.End++ },
		"a call on the path too long": func(r *breakdown.Request) { r.Calls[0].OnPath++ },
		"more behind than there is": func(r *breakdown.Request) {
			r.Path[0].Behind = []breakdown.Behind{{Time: 6}}
		},
		"no such bucket": func(r *breakdown.Request) { r.Path[0].Bucket = breakdown.NumBuckets },
	} {
		r := whole()
		spoil(r)
		if r.Check() == nil {
			t.Errorf("%s was not found", name)
		}
	}
}

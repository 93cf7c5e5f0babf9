package main

import (
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
)

// The bounds, at an alpha of 0.05.
const (
	pairs     = 40
	mostFalse = 6 // false alarms among the pairs, in each quantity
	trials    = 10
	leastTrue = 8 // trials in which the planted change is found
	aSide     = 5 // captures on each side of these trials
)

func recorded(t *testing.T) (r Recorded) {
	f, err := os.Open("testdata/recorded.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if len(r.Same) < 20 || len(r.Slower) < 10 {
		t.Fatalf("%d captures of one build, %d of a slower one are too few", len(r.Same), len(r.Slower))
	}
	return r
}

// side returns captures as an analysis would.
func side(captures ...Capture) *breakdown.Breakdown {
	e := breakdown.Endpoint{Name: endpoint, Kind: "http/1", Series: map[int]*breakdown.Series{}}
	walls := &breakdown.Histogram{}
	var totals [breakdown.NumBuckets]int64
	for i, c := range captures {
		e.Series[i] = c.Series
		e.Requests += c.Series.Requests()
		for _, b := range c.Series.Blocks {
			e.Wall.Total += b.Wall
			for _, w := range b.Walls {
				walls.Record(w)
			}
			for k, t := range b.Buckets {
				totals[k] += t
			}
		}
	}
	e.Wall.Mean, e.Wall.Hist = e.Wall.Total/e.Requests, walls
	for b, t := range totals {
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: t, Mean: t / e.Requests})
	}
	return &breakdown.Breakdown{Source: breakdown.Source{Window: 3e9, Instances: len(captures)}, Endpoints: []breakdown.Endpoint{e}}
}

// changes returns everything that a comparison tests, by name.
func changes(t *testing.T, before, after *breakdown.Breakdown) map[string]breakdown.Change {
	c, err := analyze.Changes(before, after, 0.05, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	out := map[string]breakdown.Change{}
	for _, w := range c.Endpoints[0].Wall {
		out[w.Quantity] = w
	}
	for _, b := range c.Endpoints[0].Buckets {
		out[b.Quantity] = b.Change
	}
	return out
}

func TestOneBuildIsSeldomCalledDifferent(t *testing.T) {
	r := recorded(t)
	alarms, found := map[string]int{}, 0
	for distance := 1; found < pairs; distance++ {
		for i := 0; i+distance < len(r.Same) && found < pairs; i += 1 {
			found++
			for name, c := range changes(t, side(r.Same[i]), side(r.Same[i+distance])) {
				if c.Significant {
					alarms[name]++
				}
			}
		}
	}
	t.Logf("alarms in %d pairs: %v", found, alarms)
	for name, n := range alarms {
		if n > mostFalse {
			t.Errorf("%s of one build was called different in %d of %d pairs", name, n, found)
		}
	}
}

func TestSeveralCapturesOfOneBuildAreSeldomCalledDifferent(t *testing.T) {
	r, random := recorded(t), rand.New(rand.NewPCG(1, 2))
	alarms := map[string]int{}
	for range pairs {
		drawn := shuffled(random, r.Same)
		for name, c := range changes(t, side(drawn[:aSide]...), side(drawn[aSide:2*aSide]...)) {
			if c.Significant {
				alarms[name]++
			}
		}
	}
	t.Logf("alarms in %d pairs of %d captures a side: %v", pairs, aSide, alarms)
	for name, n := range alarms {
		if n > mostFalse {
			t.Errorf("%s of one build was called different in %d of %d pairs of %d captures", name, n, pairs, aSide)
		}
	}
}

func TestAPlantedTenthIsDetected(t *testing.T) {
	r, random := recorded(t), rand.New(rand.NewPCG(3, 4))
	found := 0
	for range trials {
		before, after := shuffled(random, r.Same), shuffled(random, r.Slower)
		c := changes(t, side(before[:aSide]...), side(after[:aSide]...))["p50"]
		if c.Significant && c.Delta > 0 {
			found++
		}
		t.Logf("p50 %+.1f%%, p = %.3f", 100*c.Relative, c.P)
	}
	if found < leastTrue {
		t.Errorf("the planted change of the median was found in %d of %d trials", found, trials)
	}
}

func shuffled(r *rand.Rand, captures []Capture) []Capture {
	out := slices.Clone(captures)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

package analyze

import (
	"math"
	"math/rand/v2"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
)

// always is what samples say that were taken all the time, on a kernel with a tick of
// 4 ms.
func always(process exposure) sampling {
	return newSampling(&timeline.Summary{Version: 26, End: 4e9, Running: process.ran, Samples: process.samples + 40, SamplesRunning: process.samples,
		Kernel: timeline.Kernel{FirstSample: 1e6, LastSample: 4e9 - 1e6, Tick: 4e6}}, defaultPeriod)
}

func TestTheShareOnACoreFollowsFromTheSamples(t *testing.T) {
	for _, c := range []struct {
		name        string
		ran         int64 // ns
		briefly     int64
		samples     int64
		low         float64 // share of that time on a core: the bounds, and the estimate
		share       float64
		high        float64
		deprived    bool
		without     bool // the samples say nothing
		changesWith func(*sampling)
	}{
		{name: "a sample for each period", ran: 1e9, samples: 96, low: 0.75, share: 1, high: 1},
		{name: "a tenth less is within what is usual", ran: 1e9, samples: 90, low: 0.7, share: 1, high: 1},
		{name: "half as many", ran: 8e9, samples: 384, low: 0.42, share: 0.5, high: 0.59, deprived: true},
		{name: "half as many, but few", ran: 2e8, samples: 10, low: 0.2, share: 1, high: 1},
		{name: "none in a time that would have got five", ran: 5e7, samples: 0, low: 0, share: 1, high: 1},
		{name: "none in a time that would have got fifty", ran: 5e8, samples: 0, low: 0, share: 0, high: 0.09, deprived: true},
		{name: "a fifth less", ran: 1e10, samples: 800, low: 0.75, share: 0.848, high: 0.93, deprived: true},
		{name: "a fifth less is usual in brief stretches", ran: 1e10, briefly: 1e10, samples: 800, low: 0.75, share: 1, high: 1},
		{name: "no profile", ran: 5e8, without: true, changesWith: func(s *sampling) { s.usable = false }},
		{name: "no running time", without: true},
	} {
		s := always(exposure{c.ran, c.briefly, c.samples})
		if c.changesWith != nil {
			c.changesWith(&s)
		}
		p, ok := presenceOf([]exposure{{c.ran, c.briefly, c.samples}}, []sampling{s})
		if ok == c.without || p.deprived != c.deprived || math.Abs(p.share-c.share) > 0.01 || math.Abs(p.low-c.low) > 0.06 || math.Abs(p.high-c.high) > 0.02 {
			t.Errorf("%s: %+v, %v", c.name, p, ok)
		}
	}
}

// Samples count only if a profile ran during the whole window.
func TestAProfileOfAPartOfTheWindowSaysNothing(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, last int64
		samples     int64
		usable      bool
	}{
		{"all of it", 1e7, 3_990_000_000, 300, true},
		{"the first half", 1e7, 2e9, 150, false},
		{"the second half", 2e9, 3_990_000_000, 150, false},
		{"few samples, far apart", 6e8, 3.5e9, 8, true},
		{"one sample", 2e9, 2e9, 1, false},
		{"none", 0, 0, 0, false},
	} {
		sum := &timeline.Summary{Version: 26, End: 4e9, Samples: c.samples, Kernel: timeline.Kernel{FirstSample: c.first, LastSample: c.last}}
		if got := newSampling(sum, defaultPeriod).usable; got != c.usable {
			t.Errorf("%s: usable is %v", c.name, got)
		}
	}
}

// The bounds hold the truth as often as they claim, and the phases always sum to the
// bucket.
func TestTheTruthLiesWithinTheBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, share := range []float64{0.05, 0.3, 0.6, 0.9, 1} {
		for _, ran := range []int64{3e7, 3e8, 3e9} {
			const trials = 2000
			missed := 0
			for range trials {
				x := exposure{ran: ran}
				for range 4 * ran / defaultPeriod {
					if r.Float64() < share*0.94/4 {
						x.samples++
					}
				}
				p, ok := presenceOf([]exposure{x}, []sampling{always(x)})
				if !ok || share < p.low || share > p.high {
					missed++
				}
				total := ran - 12345
				phases := p.phases(total, 777, 7, breakdown.ByLimit)
				if phases[0].Total+phases[1].Total != total || phases[0].IncompleteTotal+phases[1].IncompleteTotal != 777 {
					t.Fatalf("%+v do not sum to %d", phases, total)
				}
				for _, ph := range phases {
					if ph.Total < 0 || ph.TotalCI95[0] > ph.Total || ph.Total > ph.TotalCI95[1] || ph.MeanCI95[0] > ph.Mean || ph.Mean > ph.MeanCI95[1] {
						t.Fatalf("%+v lies outside of its bounds", ph)
					}
				}
			}
			if missed > trials*6/100 {
				t.Errorf("%v of %d ns: the truth is outside of the bounds %d times in %d", share, ran, missed, trials)
			}
		}
	}
}

func TestWhyThereIsNoCore(t *testing.T) {
	stopped := timeline.Kernel{FirstSample: 1e6, LastSample: 4e9, Still: 2e9, Stills: 30, Every: 1e8}
	for _, c := range []struct {
		name         string
		own, process exposure
		kernel       timeline.Kernel
		want         breakdown.Deprivation
	}{
		{"the process is stopped at intervals", exposure{4e9, 0, 100}, exposure{5e9, 0, 120}, stopped, breakdown.ByLimit},
		{"only this code is slow", exposure{4e9, 0, 40}, exposure{6e9, 0, 230}, timeline.Kernel{}, breakdown.ByStalls},
		{"all code is slow", exposure{4e9, 0, 150}, exposure{6e9, 0, 240}, timeline.Kernel{}, breakdown.ByNeighbors},
		{"there is no other code", exposure{4e9, 0, 150}, exposure{4e9, 0, 150}, timeline.Kernel{}, ""},
	} {
		s := always(c.process)
		if c.kernel.Every != 0 {
			s.Kernel = c.kernel
		}
		own, of := []exposure{c.own}, []sampling{s}
		p, _ := presenceOf(own, of)
		if got := why(own, p, of); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

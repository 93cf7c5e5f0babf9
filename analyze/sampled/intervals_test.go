package sampled

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCountsHaveTheirTabulatedBounds(t *testing.T) {
	if low, high := PoissonRange(10); math.Abs(low-4.795) > 0.05 || math.Abs(high-18.390) > 0.05 {
		t.Errorf("10 counts: %v to %v", low, high)
	}
	if low, high := PoissonRange(0); low != 0 || math.Abs(high-3.689) > 0.08 {
		t.Errorf("no counts: %v to %v", low, high)
	}
}

// Requests of one snapshot that all wait for the same thing are one observation, and so
// are snapshots that show the same requests.
func TestIntervalsHoldTheTruthAlsoIfRequestsGoTogether(t *testing.T) {
	const experiments, snapshots = 500, 60
	for _, tt := range []struct {
		name        string
		share       float64
		width, last int // requests that go together: in a snapshot, in a row of snapshots
	}{
		{"independent", 0.3, 1, 1},
		{"rare", 0.04, 1, 1},
		{"nearly all", 0.97, 1, 1},
		{"eight together", 0.3, 8, 1},
		{"for three snapshots", 0.5, 2, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			held, widths := 0, 0.0
			for range experiments {
				tally := Tally{Part: make([]int64, snapshots), Whole: make([]int64, snapshots)}
				in := false
				for i := range snapshots {
					if i%tt.last == 0 {
						in = random.Float64() < tt.share
					}
					tally.Whole[i] = int64(tt.width)
					if in {
						tally.Part[i] = int64(tt.width)
					}
					tally.Seen += int64(tt.width)
				}
				s := Estimate(tally)
				if s.Low <= tt.share && tt.share <= s.High {
					held++
				}
				widths += s.High - s.Low
			}
			if share := float64(held) / experiments; share < 0.92 {
				t.Errorf("the interval held the truth in %.1f%%, mean width %.3f", 100*share, widths/experiments)
			}
		})
	}
}

func TestWithoutDifferencesEachSnapshotIsOneObservation(t *testing.T) {
	s := Estimate(Tally{Part: []int64{40, 40, 40, 40, 40}, Whole: []int64{40, 40, 40, 40, 40}, Seen: 200})
	if s.Value != 1 || s.High != 1 || s.Low > 0.5 || s.Effective > 5 {
		t.Errorf("five snapshots of 40 requests each that all wait for one thing: %+v", s)
	}
	if s := Estimate(Tally{}); s.Low != 0 || s.High != 1 {
		t.Errorf("nothing seen: %+v", s)
	}
	if s := Estimate(Tally{Part: []int64{1}, Whole: []int64{1}, Seen: 1}); s.Low > 0.05 || s.High != 1 {
		t.Errorf("one snapshot: %+v", s)
	}
}

package timeline

import (
	"math/rand/v2"
	"testing"
)

// The spacing of samples shows the kernel's tick: each is taken at one.
func TestSamplesShowTheTick(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, tick := range []int64{10_000_000, 4_000_000, 3_333_333, 1_000_000, 0} {
		var k kernel
		at, samples := int64(123_456_789), int64(80)
		for range samples {
			step := r.Int64N(40_000_000)
			if tick != 0 {
				step = (1 + r.Int64N(12)) * tick
			}
			at += step
			k.sampled(at + r.Int64N(60_000)) // some are taken at the end of a system call
		}
		if got := k.result(samples).Tick; got != tick {
			t.Errorf("samples at multiples of %d ns: the tick is %d", tick, got)
		}
	}
}

// A CPU limit lets the process go on at multiples of its period.
func TestALimitStopsAtRegularIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name   string
		every  int64 // ns
		late   int64 // by how much the first event may be late
		stills int
		want   int64
	}{
		{"a limit", 100_000_000, 3_000_000, 30, 100_000_000},
		{"a shorter period", 50_000_000, 1_000_000, 30, 50_000_000},
		{"few", 100_000_000, 1_000_000, 4, 0},
		{"neighbors", 1, 100_000_000, 30, 0},
	} {
		var k kernel
		at := int64(777_000_000)
		for range c.stills {
			at += (1 + r.Int64N(3)) * c.every
			end := at + r.Int64N(c.late)
			k.stoodStill(end-20_000_000, end)
			if c.want == 0 {
				at = end
			}
		}
		got := k.result(0)
		if got.Every != c.want || got.Stills != int64(c.stills) || got.Still != int64(c.stills)*20_000_000 {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

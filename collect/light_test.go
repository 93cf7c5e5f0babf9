package collect

import (
	"testing"
	"time"
)

// Windows lie in slots of their own, with a gap, and cover about a quarter of the time.
func TestLightWindowsKeepApart(t *testing.T) {
	for _, span := range []time.Duration{LeastLight, 9 * time.Second, 10 * time.Second, 30 * time.Second, 33 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		length := lightLength(span)
		for _, phase := range []float64{0, 0.5, 0.999999} {
			// The latest of one slot, then the earliest of the next.
			turn := 0
			starts := lightStarts(span, length, func() float64 { turn++; return phase * float64(turn%2) })
			end := -lightGap
			for i, at := range starts {
				if at < end+lightGap {
					t.Errorf("%s: window %d begins at %s, the one before ends at %s", span, i+1, at, end)
				}
				end = at + length
			}
			covered := time.Duration(len(starts)) * length
			if end > span || len(starts) < 2 || length%time.Second != 0 || covered < span/lightShare || 2*covered > span {
				t.Errorf("%s: %d windows of %s, the last to %s", span, len(starts), length, end)
			}
		}
	}
}

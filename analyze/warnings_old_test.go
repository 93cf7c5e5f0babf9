package analyze

import (
	"testing"
	"time"

	"timesink/analyze/timeline"
)

// What ran after a call to a file, in a trace that does not tell when that ended, is
// not taken for time without a core.
func TestTimeAfterACallIsNotThrottled(t *testing.T) {
	sum := timeline.Summary{Running: int64(4 * time.Second), Samples: 300, SamplesRunning: 210}
	for after, want := range map[time.Duration]int{0: 1, 1800 * time.Millisecond: 0} {
		var w warnings
		sum.AfterCalls = int64(after)
		w.offCPU(&sum)
		if len(w.list) != want {
			t.Errorf("%v after calls: %+v", after, w.list)
		}
	}
}

package analyze

import (
	"testing"
	"time"

	"timesink/analyze/timeline"
)

// In a trace that does not say when a file call ended, the running time after the call
// is not taken for off-CPU.
func TestTimeAfterAFileCallIsNotOffCPU(t *testing.T) {
	sum := timeline.Summary{Version: 21, Running: int64(4 * time.Second), End: int64(4 * time.Second), Samples: 300, SamplesRunning: 210,
		Kernel: timeline.Kernel{FirstSample: int64(time.Millisecond), LastSample: int64(4 * time.Second), Tick: int64(4 * time.Millisecond)}}
	for after, want := range map[time.Duration]int{0: 1, 1800 * time.Millisecond: 0} {
		var w warnings
		sum.AfterCalls = int64(after)
		w.offCPU([]sampling{newSampling(&sum, defaultPeriod)})
		if len(w.list) != want {
			t.Errorf("%v after calls: %+v", after, w.list)
		}
	}
}

package timeline

import (
	"testing"
	"time"

	"timesink/analyze/trace"
)

func TestMedianClockOffset(t *testing.T) {
	m := newMachine(nil, nil)
	wall := time.Unix(1000, 0)
	for i, late := range []int64{40_000, 0, 100, -30_000, 50} {
		at := int64(i) * 1e9
		m.clock(&trace.Clock{Trace: at, Wall: wall.Add(time.Duration(at + late))})
	}
	if got := m.sum.Clock.offset() - wall.UnixNano(); got != 50 {
		t.Errorf("the clock offset is wrong by %d ns", got)
	}
}

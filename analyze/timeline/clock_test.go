package timeline

import (
	"testing"
	"time"

	"golang.org/x/exp/trace"
)

func TestTheMiddleRelationOfTheClocksCounts(t *testing.T) {
	m := newMachine(newClasses(nil), nil)
	wall := time.Unix(1000, 0)
	for i, late := range []int64{40_000, 0, 100, -30_000, 50} {
		at := int64(i) * 1e9
		m.clock(&trace.ClockSnapshot{Trace: trace.Time(at), Wall: wall.Add(time.Duration(at + late))})
	}
	if got := m.sum.Clock.offset() - wall.UnixNano(); got != 50 {
		t.Errorf("the clocks are taken to be %d ns from where they are", got)
	}
}

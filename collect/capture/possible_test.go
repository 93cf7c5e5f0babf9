package capture

import (
	"math"
	"testing"
	"time"
)

func TestProbesWithImpossibleTimesAreLeftOut(t *testing.T) {
	opened := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC).UnixNano()
	good := Probe{Scheduled: opened, Start: opened + 1000, End: opened + 51_000, Connect: 10_000, FirstByte: 40_000}
	for _, c := range []struct {
		name   string
		change func(*Probe)
		keep   bool
	}{
		{"as sent", func(*Probe) {}, true},
		{"before the window, as baseline", func(p *Probe) { shift(p, -5*time.Second) }, true},
		{"still unanswered at the end", func(p *Probe) { p.End, p.FirstByte = p.End+int64(time.Minute), p.FirstByte+int64(time.Minute) }, true},
		{"a day before the window", func(p *Probe) { shift(p, -24*time.Hour) }, false},
		{"a day after the window", func(p *Probe) { shift(p, 24*time.Hour) }, false},
		{"in the year 2262", func(p *Probe) { p.Start = math.MaxInt64 }, false},
		{"negative", func(p *Probe) { p.Start, p.End = -p.End, -p.Start }, false},
		{"due at a negative time", func(p *Probe) { p.Scheduled = -1 }, false},
		{"ended before it began", func(p *Probe) { p.End = p.Start - 1 }, false},
		{"a negative phase", func(p *Probe) { p.DNS = -1 }, false},
		{"phases longer than the whole", func(p *Probe) { p.BodyRead = math.MaxInt64 }, false},
	} {
		m := &Manifest{Window: Window{Start: opened, End: opened + int64(10*time.Second)}}
		p := good
		c.change(&p)
		if kept := m.possible(&p); kept != c.keep {
			t.Errorf("%s: kept %v, want %v", c.name, kept, c.keep)
		}
	}
	if !new(Manifest).possible(&good) {
		t.Error("a probe of a capture without the window's times was left out")
	}
}

func shift(p *Probe, by time.Duration) {
	p.Scheduled, p.Start, p.End = p.Scheduled+int64(by), p.Start+int64(by), p.End+int64(by)
}

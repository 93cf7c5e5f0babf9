package collect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"timesink/collect/capture"
)

// Observing must not become a part of the incident. The probes compare the service with
// itself before the window: if it has become slower, fewer are sent, and if it has become
// slower than Config.MaxOverhead allows, the window ends. The probes tell neither before
// there are enough of them.

const (
	enoughProbes = 10 // before the window, and in it

	// A service is slow if recentProbes took slowness times as long as before the window,
	// in the median, and slower more, or if unanswered probes pile up. The rate is then
	// lowered by backOff. Tracing alone may double the time of a request of 2 ms.
	recentProbes = 8
	slowness     = 2
	slower       = int64(50 * time.Millisecond)
	backOff      = 4
	piledUp      = 16
)

// latencies are the times of answered probes on kept connections, in ns, by phase.
type latencies map[string][]int64

// add adds an answered probe. New connections take longer, and are left out.
func (l latencies) add(p *capture.Probe) {
	if p.Error == "" && p.Status != 0 && !p.Fresh && p.Reused {
		l[p.Phase] = append(l[p.Phase], p.End-p.Start)
	}
}

// slow reports whether the service answers so slowly now that fewer probes should be sent.
// unanswered is the number of probes in flight, rate the number sent a second.
func (l latencies) slow(unanswered int, rate float64) bool {
	base, now := l[capture.Baseline], l[capture.InWindow]
	if len(base) < enoughProbes {
		return false
	}
	usual := medianOf(base)
	if usually := rate * time.Duration(usual).Seconds(); unanswered >= piledUp && float64(unanswered) > 2*slowness*usually {
		return true
	}
	return len(now) >= recentProbes && medianOf(now[len(now)-recentProbes:]) > slowness*usual+slower
}

// overhead returns by how much longer probes take in the window than before it, in the
// median; ok is false unless that is certainly more than most.
func (l latencies) overhead(most float64) (by float64, ok bool) {
	base, now := l[capture.Baseline], l[capture.InWindow]
	if len(base) < enoughProbes || len(now) < enoughProbes {
		return 0, false
	}
	_, high := medianBounds(base)
	low, _ := medianBounds(now)
	return float64(medianOf(now))/float64(max(medianOf(base), 1)) - 1, float64(low) > float64(high)*(1+most)
}

func medianOf(list []int64) int64 {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// medianBounds returns the 95% interval of the median, by order statistics.
func medianBounds(list []int64) (low, high int64) {
	sorted := slices.Sorted(slices.Values(list))
	n := float64(len(sorted))
	wide := 1.96 * math.Sqrt(n)
	return sorted[max(0, int((n-wide)/2)-1)], sorted[min(len(sorted)-1, int(math.Ceil((n+wide)/2)))]
}

// tooCostly returns why observing costs the service more than the configuration allows, or
// nil.
func (c *collector) tooCostly() error {
	most := c.cfg.MaxOverhead
	if most <= 0 {
		return nil
	}
	ends := func(seen string) error {
		return &earlyEnd{capture.EndedOverhead, "max-overhead", fmt.Sprintf("the window was ended, because observing may cost the service more than %s: %s", percentText(most), seen)}
	}
	if c.prober != nil {
		if by, ok := c.prober.overhead(most); ok {
			return ends(fmt.Sprintf("probes take %s longer than before the window", percentText(by)))
		}
	}
	if c.cfg.Runnable != nil {
		if share := c.cfg.Runnable(); share > most {
			return ends(fmt.Sprintf("requests wait for a processor for %s of their time", percentText(share)))
		}
	}
	return nil
}

func percentText(share float64) string { return fmt.Sprintf("%.3g%%", 100*share) }

// overhead is latencies.overhead of the probes so far.
func (b *prober) overhead(most float64) (by float64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.took.overhead(most)
}

// pace returns by how much the time between two probes is multiplied now.
func (b *prober) pace() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.took.slow(len(b.slots), b.probing.rate()) {
		return 1
	}
	b.heldBack += backOff - 1
	return backOff
}

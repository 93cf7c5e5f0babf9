package analyze

import (
	"math"

	"timesink/analyze/breakdown"
)

// mostOfChange is the share of a change from which on something else than the build is
// its likelier cause.
const mostOfChange = 0.5

// disturbances returns what differs between the sides beside the build and is likelier
// to have caused the change of an endpoint's mean, the likeliest first.
func (d comparability) disturbances(c *breakdown.Comparison, e *breakdown.EndpointChange, p pair) []breakdown.Disturbance {
	out := []breakdown.Disturbance{}
	if e.Status != "both" || len(e.Wall) == 0 || e.Wall[0].Delta == 0 {
		return out
	}
	mean := e.Wall[0].Delta
	explains := func(delta int64) bool {
		return delta != 0 && float64(delta)/float64(mean) >= mostOfChange
	}
	if d.otherLoad && (c.After.Rate > c.Before.Rate) == (mean > 0) {
		out = append(out, breakdown.Disturbance{What: breakdown.OtherLoad})
	}
	ready := e.Buckets[breakdown.Scheduler].Delta
	neighbors := int64(0)
	if d.neighbors {
		neighbors = coresTaken(c, p)
	}
	computing := e.Buckets[breakdown.CPU].Delta - neighbors
	switch {
	case neighbors != 0 && explains(neighbors+ready):
		out = append(out, breakdown.Disturbance{What: breakdown.OtherPrograms, Delta: neighbors + ready})
	case explains(ready) && math.Abs(float64(computing)) < 0.1*float64(max(p.before.Buckets[breakdown.CPU].Mean, 1)):
		out = append(out, breakdown.Disturbance{What: breakdown.SlowScheduler, Delta: ready})
	}
	if gc := e.Buckets[breakdown.GC].Delta; explains(gc) {
		out = append(out, breakdown.Disturbance{What: breakdown.GarbageCollection, Delta: gc})
	}
	if x, y := c.Before.Source.GoVersion, c.After.Source.GoVersion; x != "" && y != "" && x != y {
		out = append(out, breakdown.Disturbance{What: breakdown.OtherGo})
	}
	return out
}

// coresTaken returns by how much the time per request changed for which the kernel had
// given a running request's core to others.
func coresTaken(c *breakdown.Comparison, p pair) int64 {
	taken := func(e *breakdown.Endpoint, s *breakdown.Side) float64 {
		return float64(e.Buckets[breakdown.CPU].Mean) * *s.OffCore
	}
	return int64(taken(p.after, &c.After) - taken(p.before, &c.Before))
}

// neighborsDiffer reports whether the CPU samples account for another share of the
// running time on one side, by more than a twentieth and three standard errors of their
// number.
func neighborsDiffer(before, after []breakdown.Capture) bool {
	share := func(captures []breakdown.Capture) (share, samples float64) {
		running, sampled := int64(0), int64(0)
		for _, c := range captures {
			if c.Sampled > 0 {
				running, sampled = running+c.Running, sampled+c.Sampled
			}
		}
		return float64(sampled) / float64(max(running, 1)), float64(sampled) / defaultPeriod
	}
	b, nb := share(before)
	a, na := share(after)
	if b == 0 || a == 0 {
		return false
	}
	return math.Abs(math.Log(a/b)) > max(0.05, 3*math.Sqrt(1/nb+1/na))
}

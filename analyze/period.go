package analyze

import "timesink/collect/capture"

// defaultPeriod is the CPU time between two samples of a Go CPU profile at its default
// rate, in nanoseconds.
const defaultPeriod = 10_000_000

// readSamplePeriod takes the sampling period from the CPU profile of the first
// capture.
func (a *answer) readSamplePeriod(c *capture.Capture) {
	if a.samplePeriod != 0 {
		return
	}
	a.samplePeriod = defaultPeriod
	p, err := c.Profile(capture.CPUPart, a.opts.profiles())
	if err == nil && p.PeriodType != nil && p.PeriodType.Unit == "nanoseconds" && p.Period > 0 {
		a.samplePeriod = p.Period
	}
}

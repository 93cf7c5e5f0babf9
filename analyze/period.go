package analyze

import (
	"compress/gzip"
	"io"

	"github.com/google/pprof/profile"

	"timesink/collect/capture"
)

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
	r, err := c.Part(capture.CPUPart)
	if err != nil {
		return
	}
	defer r.Close()
	if p := profilePeriod(r); p > 0 {
		a.samplePeriod = p
	}
}

// maxProfile bounds the CPU profile that is read for its period, in bytes. A larger one
// is assumed to have the default period.
const maxProfile = 4 << 20

// profilePeriod returns the CPU time between two samples of a gzipped CPU profile in
// nanoseconds, 0 if it cannot be read.
func profilePeriod(r io.Reader) int64 {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0
	}
	data, err := io.ReadAll(io.LimitReader(z, maxProfile))
	if err != nil {
		return 0
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil || p.PeriodType == nil || p.PeriodType.Unit != "nanoseconds" {
		return 0
	}
	return p.Period
}

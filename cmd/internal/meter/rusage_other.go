//go:build !unix

package meter

import "timesink/cmd/internal/truth"

// cpuTime returns the processor time of this process so far, or nil if the
// system does not report it.
func cpuTime() *truth.CPUTime { return nil }

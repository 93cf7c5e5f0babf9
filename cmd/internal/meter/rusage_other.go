//go:build !unix

package meter

import "timesink/cmd/internal/truth"

// cpuTime is the processor time of this process so far, nil where the system
// does not tell.
func cpuTime() *truth.CPUTime { return nil }

//go:build unix

package meter

import (
	"syscall"

	"timesink/cmd/internal/truth"
)

// cpuTime returns the processor time of this process so far, or nil if the
// system does not report it.
func cpuTime() *truth.CPUTime {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return nil
	}
	return &truth.CPUTime{User: usage.Utime.Nano(), System: usage.Stime.Nano()}
}

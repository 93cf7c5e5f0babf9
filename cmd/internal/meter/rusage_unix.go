//go:build unix

package meter

import (
	"syscall"

	"timesink/cmd/internal/truth"
)

// cpuTime is the processor time of this process so far, nil where the system
// does not tell.
func cpuTime() *truth.CPUTime {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return nil
	}
	return &truth.CPUTime{User: usage.Utime.Nano(), System: usage.Stime.Nano()}
}

//go:build unix

package memory_test

import (
	"os"
	"runtime"
	"syscall"
)

// peakKnown reports whether peakMemory works on this system.
const peakKnown = true

// peakMemory returns the peak memory of an exited process, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}

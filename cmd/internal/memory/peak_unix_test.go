//go:build unix

package memory_test

import (
	"os"
	"runtime"
	"syscall"
)

// peakKnown tells whether peakMemory can say anything.
const peakKnown = true

// peakMemory is the most memory that an ended process had, in bytes.
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

package meter

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// runDelay is RunDelay for this process.
func runDelay() int64 { return RunDelay(os.Getpid()) }

// RunDelay returns how long the live threads of a process were ready to run but not
// running, in nanoseconds: the second field of their schedstat (the kernel's
// Documentation/scheduler/sched-stats.rst).
func RunDelay(pid int) (sum int64) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has exited
		}
		if fields := bytes.Fields(text); len(fields) > 1 {
			ns, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			sum += ns
		}
	}
	return sum
}

package meter

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// runDelay returns how long the live threads of this process were ready to run
// but not running, in nanoseconds: the second field of their schedstat (the
// kernel's Documentation/scheduler/sched-stats.rst).
func runDelay() (sum int64) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
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

package speed_test

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// A usage is what all processors have done since the machine's start, in ticks of
// 10 ms: busy, also for another virtual machine's sake, and altogether.
type usage struct {
	busy, total float64
	ok          bool
}

// processors reads it from Linux; other systems are not asked.
func processors() (u usage) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal guest …
	if len(fields) < 9 {
		return u
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return u
		}
		u.total += n
		if i != 3 && i != 4 {
			u.busy += n
		}
	}
	u.ok = true
	return u
}

// since is the share of the processors' time since then that was not one's own,
// NaN if it is unknown.
func (u usage) since(then usage, own time.Duration) float64 {
	total := u.total - then.total
	if !u.ok || !then.ok || total <= 0 {
		return math.NaN()
	}
	return max(u.busy-then.busy-own.Seconds()*100, 0) / total
}

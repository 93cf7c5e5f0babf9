package speed_test

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// A usage is the time of all processors since the machine's start, in ticks of 10
// ms: busy, including time stolen by other virtual machines, and total.
type usage struct {
	busy, total float64
	ok          bool
}

// processors returns the usage on Linux; it is unknown on other systems.
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

// since returns the share of the processors' time since an earlier usage that
// other processes took, or NaN if unknown.
func (u usage) since(then usage, own time.Duration) float64 {
	total := u.total - then.total
	if !u.ok || !then.ok || total <= 0 {
		return math.NaN()
	}
	return max(u.busy-then.busy-own.Seconds()*100, 0) / total
}

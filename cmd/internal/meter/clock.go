package meter

import (
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A Clock tells the time as nanoseconds since the Unix epoch, made of one reading
// of the wall clock and the monotonic clock since.
type Clock struct{ base time.Time }

// NewClock reads the wall clock.
func NewClock() Clock { return Clock{time.Now()} }

// Now reads the clock, which takes some 40 ns.
func (c Clock) Now() int64 { return c.base.UnixNano() + int64(time.Since(c.base)) }

// Goroutine is the number of the calling goroutine. Only its stack's first line
// tells it, "goroutine 42 [running]:"; to ask takes a microsecond.
func Goroutine() int64 {
	var line [32]byte
	n := runtime.Stack(line[:], false)
	fields := strings.Fields(string(line[:n]))
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.ParseInt(fields[1], 10, 64)
	return id
}

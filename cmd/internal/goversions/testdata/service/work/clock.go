package work

import (
	"context"
	"runtime/trace"
	"strconv"
	"time"
)

// A Clock tells the time by the monotonic clock since its start.
type Clock struct{ start time.Time }

// Now is Unix time in nanoseconds.
func (c Clock) Now() int64 { return c.start.UnixNano() + int64(time.Since(c.start)) }

// Log says in traces what time it is: before Go 1.25 nothing else relates a
// trace's clock to this one. The event follows the reading by less than a
// microsecond, unless the thread was held up between.
func (c Clock) Log() {
	for {
		trace.Log(context.Background(), "clock", strconv.FormatInt(c.Now(), 10))
		time.Sleep(10 * time.Millisecond)
	}
}

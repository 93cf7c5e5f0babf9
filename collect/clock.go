package collect

import "time"

// A clock gives times that agree with each other: the wall clock is read once,
// and what follows is measured by the monotonic clock. A step of the wall
// clock, by NTP or a laptop's sleep, cannot bend an interval.
type clock struct{ base time.Time }

func newClock() clock { return clock{time.Now()} }

// wall returns t, a reading of time.Now, as a time of the wall clock.
func (c clock) wall(t time.Time) time.Time { return time.Unix(0, c.unix(t)).UTC() }

// unix returns t, a reading of time.Now, in Unix nanoseconds.
func (c clock) unix(t time.Time) int64 { return c.base.UnixNano() + int64(t.Sub(c.base)) }

package collect

import "time"

// A clock gives consistent times: it reads the wall clock once and measures
// everything after with the monotonic clock. A step of the wall clock, by NTP
// or a laptop's sleep, cannot distort an interval.
type clock struct{ base time.Time }

func newClock() clock { return clock{time.Now()} }

// wall returns t, a reading of time.Now, as a time of the wall clock.
func (c clock) wall(t time.Time) time.Time { return time.Unix(0, c.unix(t)).UTC() }

// unix returns t, a reading of time.Now, in Unix nanoseconds.
func (c clock) unix(t time.Time) int64 { return c.base.UnixNano() + int64(t.Sub(c.base)) }

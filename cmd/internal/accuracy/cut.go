package accuracy

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/truth"
)

// A Cut compares the tool's answer about the requests that the window's edges cut
// with what the service measured of them inside the window. Times are sums over the
// requests, in nanoseconds.
type Cut struct {
	// Requests counts the tool's requests, Time is their time inside the window and
	// Unknown the part of it in that bucket.
	Requests      int
	Time, Unknown int64
	// Service is the service's time inside the window for requests that began before
	// it or ended after it, and Missed the part of it that no request of the tool's
	// covers.
	Service, Missed int64
	// Steps is the time of those requests' stopwatches inside the window, Waited the
	// part that the tool has in the step's bucket, and Wrong the part in an
	// impossible bucket: neither the step's own, nor the processor's, nor unknown.
	Steps, Waited, Wrong int64
	Odd                  []string // the wrong segments, for the message of a failing test
}

// cut compares the requests that the window's edges cut. They match by goroutine and
// overlap, because neither side need enclose the other.
func (row *Row) cut(onGoroutine map[int64][]*Request, service []truth.Request, waits Waits, windowStart, windowEnd int64) {
	c := &row.Cut
	for _, own := range onGoroutine {
		for _, t := range own {
			if t.Incomplete {
				c.Requests++
				c.Time += t.End - t.Start
				c.Unknown += unexplained(t.Buckets[breakdown.Unknown], func(p Phase) int64 { return t.Phases[p] })
			}
		}
	}
	for i := range service {
		s := &service[i]
		from, to := max(s.Start, windowStart), min(s.End, windowEnd)
		if from >= to || s.Start >= windowStart && s.End <= windowEnd {
			continue
		}
		c.Service += to - from
		c.Missed += to - from
		for _, t := range onGoroutine[s.Goroutine] {
			c.Missed -= max(0, min(t.End, to)-max(t.Start, from))
			for _, step := range s.Steps {
				if what, ok := waits(step.Kind); ok {
					step.Start, step.End = max(step.Start, windowStart), min(step.End, windowEnd)
					c.step(&step, t, what.Bucket, windowStart)
				}
			}
		}
	}
}

// step adds the tool's attribution of the time within a step.
func (c *Cut) step(step *truth.Step, t *Request, bucket breakdown.Bucket, windowStart int64) {
	from, to := step.Start+nest, step.End-nest
	for i := range t.Path {
		seg := &t.Path[i]
		length := min(seg.End, to) - max(seg.Start, from)
		if length <= 0 {
			continue
		}
		c.Steps += length
		switch seg.Bucket {
		case bucket:
			c.Waited += length
		case breakdown.CPU, breakdown.GC, breakdown.Scheduler, breakdown.Unknown:
		default:
			c.Wrong += length
			c.Odd = append(c.Odd, fmt.Sprintf("goroutine %d at %d: %d ns of %s are %s", t.Goroutine, max(seg.Start, from)-windowStart, length, bucket, seg.Bucket))
		}
	}
}

// UnknownShare returns the unknown share of the time.
func (c *Cut) UnknownShare() float64 { return float64(c.Unknown) / float64(max(c.Time, 1)) }

// add adds the Cut of another scenario.
func (c *Cut) add(o *Cut) {
	c.Requests += o.Requests
	c.Time += o.Time
	c.Unknown += o.Unknown
	c.Service += o.Service
	c.Missed += o.Missed
	c.Steps += o.Steps
	c.Waited += o.Waited
	c.Wrong += o.Wrong
	c.Odd = append(c.Odd, o.Odd...)
}

// check returns the bounds that c breaks, or nil. A tenth of the time plus one
// request may be unknown, and as much of the time within the steps may be in another
// bucket than the step's.
func (c *Cut) check(request int64) (broken []error) {
	if c.Unknown > c.Time/10+request {
		broken = append(broken, fmt.Errorf("of %d requests cut by the window's edges, %d of %d ns are unknown", c.Requests, c.Unknown, c.Time))
	}
	if c.Wrong > c.Steps/10+request {
		broken = append(broken, fmt.Errorf("of %d requests cut by the window's edges, %d of the %d ns within steps are in other buckets: %q", c.Requests, c.Wrong, c.Steps, c.Odd))
	}
	return broken
}

// CheckCut returns the bounds that the requests cut by the window's edges break, or
// nil. A scenario has few such requests, so a single one may exceed a tenth.
func (row *Row) CheckCut() []error { return row.Cut.check(row.Wall.Service) }

// CheckCuts is CheckCut for several scenarios together, with the exact tenth.
func CheckCuts(rows []Row) []error {
	var all Cut
	for i := range rows {
		all.add(&rows[i].Cut)
	}
	return all.check(0)
}

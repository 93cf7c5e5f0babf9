package accuracy

import (
	"fmt"
	"math"

	"timesink/analyze/breakdown"
)

// gaps returns the time by which the service's stopwatches exceed the tool's
// buckets.
func (row *Row) gaps() (sum int64) {
	for _, p := range row.Measured {
		sum += p.Service - p.Tool
	}
	return sum
}

// Check returns the bounds that the row breaks, or nil. They are the bounds that the
// accuracy table promises.
//
// No bound depends on the speed of the machine. The disagreement of a stopwatch and
// a trace on a busy machine is bounded by what the process and the kernel measured,
// the Machine: a step that waited for a core is longer than its bucket by that time,
// and two readings with a preemption between them differ by it.
func (row *Row) Check() (broken []error) {
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }
	few := int64(small*float64(row.Wall.Service)) + row.Machine.late()
	if row.Requests < fewest { // missing ones are counted below
		fail("%d requests matched, which is too few", row.Requests)
	}
	if row.Missed != 0 || row.Extra != 0 {
		fail("%d requests matched, %d of the service's missed, %d unknown to it: %q", row.Requests, row.Missed, row.Extra, row.Odd)
	}
	if row.Wall.Tool < row.Wall.Service-row.Machine.late() {
		fail("wall: the service measured %d ns, the tool says %d", row.Wall.Service, row.Wall.Tool)
	}
	if row.Beyond > few {
		fail("wall: %d ns a request lie outside of what the clients saw, %d ns", row.Beyond, row.Client)
	}
	if row.Around > few {
		fail("%d ns a request outside of the handler are neither the client's nor the processor's", row.Around)
	}
	if row.Strange > few {
		fail("%d ns a request within the steps are neither in the step's bucket nor the processor's", row.Strange)
	}
	for b, p := range row.Measured {
		row.checkBucket(breakdown.Bucket(b), p, few, fail)
	}
	if row.Over > few {
		fail("buckets of %d requests exceed the stopwatches around them, by up to %d ns, %d in the mean: %q", row.OverStep, row.Worst, row.Over, row.Odd)
	}
	own := row.Buckets[breakdown.CPU] + row.Buckets[breakdown.GC] + row.Buckets[breakdown.Scheduler]
	if gaps := row.gaps(); gaps > own+few {
		fail("the steps exceed their buckets by %d ns, but cpu, gc and scheduler hold only %d", gaps, own)
	}
	for what, p := range row.Phases {
		off := p.Tool - p.Service
		if off < 0 {
			off = min(0, off+row.Ran[what])
		}
		if most := 2*few + row.Machine.late(); p.Service > 0 && max(off, -off) > most {
			fail("%s %s: the tool says %d ns, the stopwatches around it %d, of which %d running or ready to: more than %d apart", what.Bucket, what.Phase, p.Tool, p.Service, row.Ran[what], most)
		}
	}
	if u := float64(unexplained(row.Buckets[breakdown.Unknown], func(p Phase) int64 { return row.Phases[p].Tool })) / float64(max(row.Wall.Tool, 1)); u > 0.005 {
		fail("%.2f%% is unknown", 100*u)
	}
	return broken
}

// unexplained returns the part of the unknown time of which no phase says what it is.
func unexplained(unknown int64, in func(Phase) int64) int64 {
	for _, p := range breakdown.Unknown.Info().Phases {
		unknown -= in(Phase{breakdown.Unknown, p})
	}
	return unknown
}

// fewest is the smallest number of requests for a result.
const fewest = 10

// checkBucket compares a bucket with the stopwatches around it.
func (row *Row) checkBucket(b breakdown.Bucket, p Pair, few int64, fail func(string, ...any)) {
	if row.Aside[b] > few {
		fail("%s: %d ns a request lie outside its steps", b, row.Aside[b])
	}
	if row.Estimated {
		// Samples scatter by the square root of their number: allow four times that.
		most := max(0.2, 4/math.Sqrt(float64(max(row.Samples, 1))))
		if off := p.Off(); math.Abs(off) > most {
			fail("%s: the tool estimates %d ns, the stopwatches around it %d, more than %.0f%% apart", b, p.Tool, p.Service, 100*most)
		}
		return
	}
	if inside := p.Tool - row.Aside[b]; inside > p.Service+row.Machine.late() {
		fail("%s: the tool says %d ns, the stopwatches around it %d", b, inside, p.Service)
	}
	if least := p.Service - p.Service/10 - row.Machine.computing(); p.Tool < least {
		fail("%s: the tool says %d ns, the stopwatches around it %d, of which at least %d are no computing", b, p.Tool, p.Service, least)
	}
}

// Spent compares the gaps of all rows of one process with the time that the process
// measured itself running or ready to run, in that many requests.

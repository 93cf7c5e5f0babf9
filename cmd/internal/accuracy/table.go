package accuracy

import (
	"fmt"
	"math"
	"strings"

	"timesink/analyze/breakdown"
)

// Table formats rows for a log: the service's value, then the tool's.
func Table(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %8s  %-15s %6s  %-8s  %-15s  %-15s  %-15s  %6s %5s %5s %7s\n", "scenario", "requests", "wall ms", "off", "client", "db ms", "upstream ms", "lock ms", "cpu", "gc", "sched", "unknown")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-12s %8d  %15s %+5.2f%%  %8s  %15s  %15s  %15s  %6s %5s %5s %6.2f%%\n", r.Scenario, r.Requests,
			pair(r.Wall), 100*r.Wall.Off(), ms(r.Client), pair(r.Measured[breakdown.DB]), pair(r.Measured[breakdown.Upstream]), pair(r.Measured[breakdown.Lock]),
			ms(r.Buckets[breakdown.CPU]), ms(r.Buckets[breakdown.GC]), ms(r.Buckets[breakdown.Scheduler]),
			100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)))
	}
	return b.String()
}

// Report formats the accuracy table: for each scenario the wall time and each bucket
// and phase that the service measured, as measured and as the tool reports it, and
// the worst error as a share of the wall time.
func Report(rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %8s  %-24s %9s %9s %8s %8s %12s\n", "scenario", "requests", "ms per request", "service", "timesink", "off", "unknown", "cut, unknown")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-26s %8d  %-24s %9s %9s %+7.2f%% %7.2f%% %11.2f%%\n", r.Scenario, r.Requests, "wall", ms(r.Wall.Service), ms(r.Wall.Tool),
			100*r.Wall.Off(), 100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)), 100*r.Cut.UnknownShare())
		for bucket, p := range r.Measured {
			if p.Service == 0 {
				continue
			}
			name := breakdown.Bucket(bucket).String()
			if r.Estimated && breakdown.Bucket(bucket) <= breakdown.Upstream {
				name += ", estimated"
			}
			r.line(&b, name, p)
			for phase := range breakdown.NumPhases {
				if p := r.Phases[Phase{breakdown.Bucket(bucket), phase}]; p.Service > 0 {
					r.line(&b, "  "+phase.String(), p)
				}
			}
		}
		fmt.Fprintf(&b, "%-26s %8s  %-24s %9s %9s %+7.2f%%\n", "", "", "worst, of the wall", "", "", 100*r.WorstShare())
	}
	return b.String()
}

func (row *Row) line(b *strings.Builder, what string, p Pair) {
	fmt.Fprintf(b, "%-26s %8s  %-24s %9s %9s %+7.2f%%\n", "", "", what, ms(p.Service), ms(p.Tool), 100*row.share(p))
}

// share returns the tool's error as a share of the wall time.
func (row *Row) share(p Pair) float64 {
	return float64(p.Tool-p.Service) / float64(max(row.Wall.Service, 1))
}

// WorstShare returns the largest error of the wall time, a bucket or a phase, as a
// share of the wall time.
func (row *Row) WorstShare() float64 {
	worst := row.share(row.Wall)
	note := func(p Pair) {
		if s := row.share(p); p.Service > 0 && math.Abs(s) > math.Abs(worst) {
			worst = s
		}
	}
	for _, p := range row.Measured {
		note(p)
	}
	for _, p := range row.Phases {
		note(p)
	}
	return worst
}

func pair(p Pair) string { return ms(p.Service) + " " + ms(p.Tool) }

func ms(ns int64) string { return fmt.Sprintf("%.2f", float64(ns)/1e6) }

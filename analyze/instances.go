package analyze

import (
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// instances adds the warnings about several instances as such: those that gave no
// capture, and captures that were taken at different times.
func (w *warnings) instances(list []breakdown.Instance, missing []string, captured int) {
	if n := len(missing); n > 0 {
		w.add("instances-missing", breakdown.Doubt{Count: int64(n), Of: int64(n + captured), Cause: strings.Join(missing, "; ")})
	}
	var first, last time.Time
	longest := int64(0)
	for i := range list {
		in := &list[i]
		longest = max(longest, in.Covered)
		if in.CapturedAt == nil {
			continue
		}
		if first.IsZero() || in.CapturedAt.Before(first) {
			first = *in.CapturedAt
		}
		if in.CapturedAt.After(last) {
			last = *in.CapturedAt
		}
	}
	if apart := last.Sub(first); longest > 0 && int64(apart) > longest {
		w.add("instances-apart", breakdown.Doubt{Covered: longest, Asked: int64(apart)})
	}
}

// gather replaces the warnings of single captures that say the same by one, which names
// the instances. of holds the capture of each of the first warnings.
func (w *warnings) gather(of []int, list []breakdown.Instance) {
	var out []breakdown.Warning
	for i, from := range w.list {
		if i >= len(of) {
			out = append(out, from)
			continue
		}
		name := list[of[i]].Name
		at := slices.IndexFunc(out, func(have breakdown.Warning) bool {
			return have.Code == from.Code && (have.Facts != nil) == (from.Facts != nil) && (from.Facts != nil || have.Message == from.Message)
		})
		switch {
		case at < 0:
			if from.Facts != nil {
				d := *from.Facts
				d.Instances = []string{name}
				from.Facts = &d
			}
			out = append(out, from)
		case from.Facts != nil && !slices.Contains(out[at].Facts.Instances, name):
			out[at].Facts.Instances = append(out[at].Facts.Instances, name)
		}
	}
	w.list = out
}

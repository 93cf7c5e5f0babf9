package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A requestChart is the waterfall of one request. Times are relative to the request's
// start; what the client did before that is negative.
type requestChart struct {
	ID       string      `json:"id"`
	Endpoint int         `json:"endpoint"`
	Role     string      `json:"role"`
	Wall     int64       `json:"wall"`
	Unit     unit        `json:"unit"`
	Lanes    []string    `json:"lanes"`
	Segments [][7]int64  `json:"segments"` // start, end, lane, slot, phase, site, why
	Calls    [][8]int64  `json:"calls"`    // start, end, lane, bucket, what, site, on the path, dialed
	Client   []clientBar `json:"client"`
	Notes    []string    `json:"notes"`
}

// A clientBar is one phase of the client.
type clientBar struct {
	Phase string `json:"phase"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

// addRequests draws the available requests of one of the top endpoints. It returns
// their wall times by their index in Requests.
func (c *charts) addRequests(b *breakdown.Breakdown, at, top int, specimens []breakdown.Specimen) map[int]int64 {
	shown := map[int]int64{}
	drawn := map[breakdown.RequestID]bool{}
	missing := 0
	for _, r := range rolesAmong(b, at, top, specimens) {
		if drawn[r.id] {
			continue
		}
		drawn[r.id] = true
		i := slices.IndexFunc(specimens, func(s breakdown.Specimen) bool { return s.ID == r.id })
		if i < 0 {
			missing++
			continue
		}
		chart := c.request(&specimens[i])
		chart.Endpoint, chart.Role = at, r.name
		shown[len(c.Requests)] = chart.Wall
		c.Requests = append(c.Requests, chart)
	}
	if missing > 0 {
		c.drop("Of the median, the p95, the slowest request and the examples of %s, %s not drawn: they were not requested, or not found again in the capture.",
			shorten(title(&b.Endpoints[at]), 60), counted(int64(missing), "is", "are"))
	}
	return shown
}

func (c *charts) request(s *breakdown.Specimen) requestChart {
	r := &s.Request
	l := &laneList{own: r.Goroutine}
	l.of(r.Goroutine)
	chart := requestChart{ID: s.ID.String(), Wall: r.Wall(), Unit: unitOf(r.Wall()), Segments: [][7]int64{}, Calls: [][8]int64{}, Client: []clientBar{}, Notes: []string{}}
	path := joined(r.Path)
	note := func(format string, args ...any) { chart.Notes = append(chart.Notes, fmt.Sprintf(format, args...)) }
	if kept := longest(path, c.cap, func(s breakdown.Segment) int64 { return s.End - s.Start }); len(kept) < len(path) {
		least, out := int64(0), r.Wall()
		for _, s := range kept {
			out -= s.End - s.Start
			if d := s.End - s.Start; least == 0 || d < least {
				least = d
			}
		}
		note("%s of at most %s are left out, %s of the request's time together", counted(int64(len(path)-len(kept)), "step", "steps"), duration(least), percent(ratio(out, r.Wall())))
		path = kept
	}
	for _, s := range path {
		site, why := c.cause(s.Cause)
		chart.Segments = append(chart.Segments, [7]int64{s.Start - r.Start, s.End - r.Start, l.of(s.Goroutine), int64(slotOf(s.Bucket, s.Phase)), int64(c.name(s.Phase.String())), site, why})
	}
	calls := longest(r.Calls, c.cap/4, func(c breakdown.Call) int64 { return c.End - c.Start })
	if n := len(r.Calls) - len(calls); n > 0 {
		note("%s are left out, the shortest", counted(int64(n), "call", "calls"))
	}
	slices.SortStableFunc(calls, func(x, y breakdown.Call) int { return cmp.Compare(x.Start, y.Start) })
	for _, k := range calls {
		t := breakdown.BucketTime{Bucket: k.Bucket, Systems: []string{k.System}}
		dialed := int64(0)
		if k.Dialed {
			dialed = 1
		}
		chart.Calls = append(chart.Calls, [8]int64{k.Start - r.Start, k.End - r.Start, l.of(k.Goroutine), int64(k.Bucket),
			int64(c.name(cmp.Or(systems(&t), label(&t)))), int64(c.name(siteText(k.Site))), k.OnPath, dialed})
	}
	if r.Condensed != 0 {
		note("up to %s after its start, only sums are known, not single steps: there were too many", duration(r.Condensed-r.Start))
	}
	if s.Client != nil {
		at := s.Client.Start - r.Start
		for _, p := range s.Client.Phases {
			chart.Client = append(chart.Client, clientBar{clean(p.Phase), at, at + p.Mean})
			at += p.Mean
		}
	}
	chart.Lanes = l.names
	return chart
}

// A laneList numbers a request's goroutines, its own first.
type laneList struct {
	own   int64
	ids   []int64
	names []string
}

func (l *laneList) of(goroutine int64) int64 {
	i := slices.Index(l.ids, goroutine)
	if i < 0 {
		i = len(l.ids)
		name := fmt.Sprintf("goroutine %d", goroutine)
		if goroutine == l.own {
			name += ", the request's own"
		}
		l.ids, l.names = append(l.ids, goroutine), append(l.names, name)
	}
	return int64(i)
}

// cause returns a segment's call site and the evidence for its attribution, as indices
// in Strings.
func (c *charts) cause(cause *breakdown.Cause) (site, why int64) {
	if cause == nil {
		return int64(c.name("")), int64(c.name(""))
	}
	return int64(c.name(siteText(cause.Site))), int64(c.name(causeText(cause)))
}

func siteText(f breakdown.Frame) string {
	if f.Function == "" {
		return ""
	}
	return place(f)
}

// causeText returns the evidence for an attribution: the goroutine's state, the
// runtime's reason, and the rule or the innermost frame.
func causeText(c *breakdown.Cause) string {
	text := c.State
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	switch {
	case c.Rule != "":
		text += " in " + c.Rule
	case len(c.Stack) > 0:
		text += " in " + c.Stack[0].Function
	}
	return clean(strings.TrimSpace(text))
}

// joined merges consecutive segments that are alike.
func joined(path []breakdown.Segment) []breakdown.Segment {
	var out []breakdown.Segment
	for _, s := range path {
		if n := len(out); n > 0 && out[n-1].End == s.Start && out[n-1].Goroutine == s.Goroutine && out[n-1].Bucket == s.Bucket && out[n-1].Phase == s.Phase && out[n-1].Cause == s.Cause {
			out[n-1].End = s.End
		} else if s.End > s.Start {
			out = append(out, s)
		}
	}
	return out
}

// longest returns the limit longest elements, in their original order.
func longest[T any](list []T, limit int, length func(T) int64) []T {
	if len(list) <= limit {
		return slices.Clone(list)
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(length(list[y]), length(list[x])) })
	order = order[:limit]
	slices.Sort(order)
	out := make([]T, limit)
	for i, at := range order {
		out[i] = list[at]
	}
	return out
}

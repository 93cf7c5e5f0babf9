package report

import (
	"fmt"
	"slices"

	"timesink/analyze/breakdown"
)

// tail says what the slowest requests do that the others do not, "" if that is nothing
// else, or too little is known.
func (b *block) tail() string {
	for i := range b.b.Causes {
		if x := &b.b.Causes[i]; x.ID == "tail" && slices.Contains(x.Endpoints, b.e.Name) {
			return clean(b.tailText(x.Facts))
		}
	}
	return ""
}

// tailShares are the shares of the requests beyond the percentiles that tails are told of.
var tailShares = map[string]string{"p99": "1%", "p95": "5%"}

func (b *block) tailText(f breakdown.Facts) string {
	tail, _ := f.Of(breakdown.FactTail)
	text := fmt.Sprintf("the slowest %s (%s, from %s)", tailShares[tail.Name], count(int64(tail.Value)), b.scale.short(f.Time(breakdown.FactTailFrom)))
	if in, ok := f.Of(breakdown.FactTailIn); ok {
		where := in.Name
		for i := range b.e.Buckets {
			if t := &b.e.Buckets[i]; t.Bucket.String() == in.Name {
				where = spoken(t)
			}
		}
		why := "are slow for another reason"
		if f.Has(breakdown.FactTailAlike) {
			why = "hang where the others do not"
		}
		text += fmt.Sprintf(" %s: %s of %s in %s", why, b.scale.short(int64(in.Value)), b.scale.short(f.Time(breakdown.FactTailMean)), where)
		if at := f.Frame(breakdown.FactHolder); at.Function != "" {
			who, _ := keeping(bucketNamed(in.Name))
			text += ", " + who + " " + shortSpot(at)
		} else if at := f.Frame(breakdown.FactSite); at.Function != "" {
			text += ", at " + shortSpot(at)
		}
		text += "; the others spend " + b.scale.short(f.Time(breakdown.FactOthersIn)) + " there"
		if f.Has(breakdown.FactBurst) {
			text += ". They came together:" + b.burst(f)
		}
		return text
	}
	return text + " came together:" + b.burst(f)
}

// burst says when the slowest requests began.
func (b *block) burst(f breakdown.Facts) string {
	text := fmt.Sprintf(" %s began within %s", percent(f.Number(breakdown.FactBurst)/100), duration(f.Time(breakdown.FactBurstWithin)))
	if times := int64(f.Number(breakdown.FactBurstTimes)); times > 1 {
		text += fmt.Sprintf(", %s apart", counted(times, "stretch", "stretches"))
	}
	if start := f.Time(breakdown.FactBurstStart); start >= f.Time(breakdown.FactBurstWithin)/2 {
		return text + ", from " + duration(start) + " into the window on"
	}
	return text + ", at the start of the window"
}

func bucketNamed(name string) (b breakdown.Bucket) {
	if b.UnmarshalText([]byte(name)) != nil {
		return breakdown.Unknown
	}
	return b
}

// A tailRow is a bucket's mean time in all requests and in the slowest, "" where those are
// too few.
type tailRow struct{ Bucket, Label, All, P95, P99 string }

// tailRows lists the buckets that the slowest requests spend time in, with a row for the
// wall time first. It returns none if there are too few requests.
func (b *block) tailRows() (rows []tailRow) {
	tail := b.e.Tail
	if tail == nil {
		return nil
	}
	row := func(name, label string, all int64, of func(*breakdown.Slowest) int64) tailRow {
		r := tailRow{Bucket: name, Label: label, All: b.scale.atLeastVisible(all)}
		if tail.P95 != nil {
			r.P95 = b.scale.atLeastVisible(of(tail.P95))
		}
		if tail.P99 != nil {
			r.P99 = b.scale.atLeastVisible(of(tail.P99))
		}
		return r
	}
	rows = append(rows, row("", "wall time", b.e.Wall.Mean, func(s *breakdown.Slowest) int64 { return s.Mean }))
	for _, t := range unknownLast(ranked(b.e.Buckets, total)) {
		rows = append(rows, row(t.Bucket.String(), label(t), t.Mean, func(s *breakdown.Slowest) (ns int64) {
			for _, in := range s.Buckets {
				if in.Bucket == t.Bucket {
					ns = in.Mean
				}
			}
			return ns
		}))
	}
	return rows
}

// tailNotes say from when on requests are the slowest, and where most of their extra time
// is.
func (b *block) tailNotes() (notes []string) {
	if b.e.Tail == nil {
		return nil
	}
	for name, s := range map[string]*breakdown.Slowest{"p95": b.e.Tail.P95, "p99": b.e.Tail.P99} {
		if s == nil {
			continue
		}
		text := fmt.Sprintf("The slowest %s: %s, %s and more", tailShares[name], counted(s.Requests, "request", "requests"), b.scale.short(s.From))
		for i, x := range s.Sites {
			if i < 2 && x.Longer() > 0 {
				text += fmt.Sprintf("; %s more at %s, in %s", b.scale.short(x.Longer()), clean(shortSpot(x.Frame)), x.Bucket.Info().Label)
			}
		}
		for i, h := range s.Holders {
			if i < 1 && h.Longer() > 0 {
				who, what := keeping(h.Bucket)
				text += fmt.Sprintf("; %s more %s %s, %s %s", b.scale.short(h.Longer()), who, clean(shortSpot(h.Frame)), what, h.Doing.Info().Label)
			}
		}
		notes = append(notes, text+".")
	}
	slices.Sort(notes)
	slices.Reverse(notes)
	return notes
}

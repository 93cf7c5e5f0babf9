package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// Answers without a trace: shares with their intervals in place of times.

// sharesOnly reports whether an endpoint's figures are shares without means: nothing
// counts its requests.
func sharesOnly(e *breakdown.Endpoint) bool { return e.Sampled != nil && e.Requests == 0 }

// asTotals returns an endpoint of which only shares are known with totals in place of
// its sites' means, as the page shows neither.
func asTotals(e *breakdown.Endpoint) *breakdown.Endpoint {
	whole := *e
	whole.Buckets = slices.Clone(e.Buckets)
	for i := range whole.Buckets {
		t := &whole.Buckets[i]
		t.Sites = slices.Clone(t.Sites)
		for j := range t.Sites {
			t.Sites[j].Mean = t.Sites[j].Total
		}
	}
	return &whole
}

// amount formats a part of the time shown, as a share if the endpoint has no means.
func (b *block) amount(ns int64) string {
	if sharesOnly(b.e) {
		return percent(ratio(ns, b.whole))
	}
	return b.scale.atLeastVisible(ns)
}

// figure formats a bucket's time, as the interval of its share if it has no mean.
func (b *block) figure(t *breakdown.BucketTime) string {
	if sharesOnly(b.e) {
		return between(t.ShareCI95)
	}
	return b.scale.atLeastVisible(b.of(t))
}

// between formats the interval of a share: "93 to 97%".
func between(in *breakdown.ShareInterval) string {
	if in == nil {
		return ""
	}
	low, high := 100*in[0], 100*in[1]
	if high < 1 {
		return fmt.Sprintf("%.1f to %.1f%%", math.Floor(10*low)/10, math.Ceil(10*high)/10)
	}
	return fmt.Sprintf("%.0f to %.0f%%", math.Floor(low), math.Ceil(high))
}

// sampled says how many requests were in progress, and what that is known from. It returns
// "" if there was a trace.
func (b *block) sampled() string {
	s := b.e.Sampled
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("estimate: %s in progress (%s to %s), seen %s in %s", decimal(s.InProgress), decimal(s.InProgressCI95[0]), decimal(s.InProgressCI95[1]),
		counted(s.Seen, "time", "times"), snapshots(b.b))
	if b.e.Requests == 0 {
		text += "; shares with their 95% intervals, because nothing counts the requests"
	}
	return text
}

func decimal(x float64) string { return fmt.Sprintf("%.1f", x) }

func snapshots(b *breakdown.Breakdown) string {
	n := 0
	if s := b.Source.Sampling; s != nil {
		n = s.Snapshots
	}
	return counted(int64(n), "snapshot", "snapshots")
}

// joined says what the cpu bucket includes besides computing, "" if nothing.
func (b *block) joined(t *breakdown.BucketTime) string {
	s := b.e.Sampled
	if s == nil || !s.Joined || t.Bucket != breakdown.CPU {
		return ""
	}
	text := "with waiting for a processor"
	if s.CPUTime > 0 {
		text += fmt.Sprintf("; on one %s, by the CPU profile", percent(ratio(s.CPUTime, b.e.Wall.Total)))
	}
	return text
}

// costOfSampling says what the snapshots cost the service, "" if there were none.
func costOfSampling(b *breakdown.Breakdown) string {
	s := b.Source.Sampling
	if s == nil || b.Source.Covered == 0 {
		return ""
	}
	return fmt.Sprintf("at most %s of its time, %s at once", percent(ratio(s.Spent, b.Source.Covered)), duration(s.Longest))
}

// estimateOf returns the last line of a page that rests on snapshots.
func estimateOf(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	list := ranked(e.Buckets, total)
	if len(list) == 0 {
		return "No request was seen in " + snapshots(b) + "."
	}
	top := list[0]
	where := fmt.Sprintf("%s (%s; %s with 95%% certainty)", spoken(top), percent(ratio(top.Total, e.Wall.Total)), between(top.ShareCI95))
	if top.Bucket == breakdown.CPU && e.Sampled.Joined {
		where = "CPU or waiting for a processor" + strings.TrimPrefix(where, "CPU")
	}
	in := "in "
	if top.Bucket == breakdown.Unknown && spoken(top) == breakdown.HandedOver.Spoken() {
		in = "waiting for "
		where = strings.Replace(where, ";", "; snapshots do not show what these do for the requests;", 1)
	}
	text := "Most time is spent " + in + where
	if 2*top.Total < e.Wall.Total {
		text = "The largest part of the time is spent " + in + where
	}
	if to := goesTo(b, e); to != "" {
		text = to + ": " + lower(text)
	}
	if len(top.Sites) > 0 && top.Sites[0].Function != breakdown.Other && 2*top.Sites[0].Total > top.Total {
		text += ", mostly at " + spot(top.Sites[0].Frame)
	}
	text += "."
	if db := &e.Buckets[breakdown.DB]; top.Bucket != breakdown.DB && top.Bucket != breakdown.Unknown {
		text += fmt.Sprintf(" The database has %s of it.", between(db.ShareCI95))
	}
	return text + " This is an estimate, without a trace."
}

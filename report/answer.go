package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// answer is the last line of a page: where the time is, and what the usual
// suspect, the database, or the next largest part has to do with it.
func answer(b *breakdown.Breakdown) string {
	e := busiest(b)
	switch {
	case e == nil:
		return withoutRequests(b)
	case e.Requests == 0:
		return withoutCompleted(b, e)
	}
	sentences := []string{whereTheTimeIs(b, e)}
	if s := besides(e); s != "" {
		sentences = append(sentences, s)
	}
	if s := butIncomplete(e); s != "" {
		sentences = append(sentences, s)
	}
	if s := besideLasting(b, e); s != "" {
		sentences = append(sentences, s)
	}
	return strings.Join(sentences, " ")
}

// busiest is the endpoint that most request time went to, of those that do not last
// by their nature if there is one.
func busiest(b *breakdown.Breakdown) *breakdown.Endpoint {
	var top *breakdown.Endpoint
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Requests+e.Incomplete == 0 {
			continue
		}
		if top == nil || top.Lasts() && !e.Lasts() || top.Lasts() == e.Lasts() && requestTime(e) > requestTime(top) {
			top = e
		}
	}
	return top
}

// besideLasting says how much time is in requests that last by their nature, where
// the answer is about the others.
func besideLasting(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	if e.Lasts() {
		return ""
	}
	sum, kinds := int64(0), []string(nil)
	for i := range b.Endpoints {
		if l := &b.Endpoints[i]; l.Lasts() && requestTime(l) > 0 {
			sum += requestTime(l)
			kinds = append(kinds, lastingKind(l))
		}
	}
	if sum == 0 {
		return ""
	}
	slices.Sort(kinds)
	return fmt.Sprintf("Beside this, %s of request time (%s) are in %s, which last until there is something to tell.",
		duration(sum), percent(ratio(sum, requestTimeOf(b))), list(slices.Compact(kinds)))
}

func lastingKind(e *breakdown.Endpoint) string {
	if strings.HasSuffix(e.Kind, breakdown.LongPolling) {
		return "long polls"
	}
	return "streams"
}

func withoutRequests(b *breakdown.Breakdown) string {
	text := "No request was seen"
	if window := max(b.Source.Window, b.Source.Covered); window > 0 {
		text += " in " + duration(window)
	}
	wall, whole, most := int64(0), int64(0), int64(0)
	var top *breakdown.Root
	roots := ofService(b.Roots)
	for i := range roots {
		work := roots[i].AtWork()
		wall, whole = wall+roots[i].Wall, whole+work
		if work > most {
			top, most = &roots[i], work
		}
	}
	switch {
	case wall == 0:
		return text + "."
	case top == nil:
		return text + ", and all goroutines waited or slept."
	}
	return fmt.Sprintf("%s. Goroutines waited for others or slept for %s of their time; of the rest, %s is in those that began in %s: %s.",
		text, percent(ratio(wall-whole, wall)), percent(ratio(most, whole)), shorten(function(top.Function), 60), largest(top.Buckets, most, worked))
}

func withoutCompleted(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	in := "what is not known"
	if top := ranked(e.Buckets, incomplete); len(top) > 0 {
		in = fmt.Sprintf("%s (%s)", spoken(top[0]), percent(ratio(incomplete(top[0]), e.IncompleteTime)))
		if p := mostlyOf(top[0], incomplete, incompleteIn); p != nil {
			in += fmt.Sprintf(", %s of it %s", percent(ratio(p.time(top[0], incompleteIn), incomplete(top[0]))), p.spent)
		}
	}
	whose := ""
	if several(b) {
		whose = " of " + spokenTitle(e) + ", which most request time goes to,"
	}
	return fmt.Sprintf("No request%s completed within the window: %s cut by its edges, with most of their time in %s. A longer window would tell whether they end.",
		whose, counted(e.Incomplete, "was", "were"), in)
}

// whereTheTimeIs is the first sentence.
func whereTheTimeIs(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	where := "nothing that could be seen"
	if list := ranked(e.Buckets, total); len(list) > 0 {
		where = inBuckets(e, list)
	}
	share := weight(b, e)
	if share >= 1-ownLine {
		return "The time is " + where + "."
	}
	most := "Most"
	if share < 0.5 {
		most = "The largest part"
	}
	return fmt.Sprintf("%s of the request time (%s) goes to %s, and there it is %s.", most, percent(share), spokenTitle(e), where)
}

// inBuckets names the bucket that holds most of the time. Where none holds half
// of it, it names two and says how much they hold.
func inBuckets(e *breakdown.Endpoint, list []*breakdown.BucketTime) string {
	top := list[0]
	if !isSpread(e, list) {
		if p := mostly(top); p != nil && 2*p.total(top) >= e.Wall.Total {
			return "spent " + p.instead(top) + " (" + percent(ratio(p.total(top), e.Wall.Total)) + ")" + heldWhile(top)
		}
		return "in " + spoken(top) + because(e, top)
	}
	return fmt.Sprintf("spread: %s in %s%s, %s in %s",
		percent(ratio(top.Total, e.Wall.Total)), spoken(top), because(e, top), percent(ratio(list[1].Total, e.Wall.Total)), spoken(list[1]))
}

// isSpread reports whether no bucket holds half of the time, so that the answer names
// two.
func isSpread(e *breakdown.Endpoint, list []*breakdown.BucketTime) bool {
	return 2*list[0].Total < e.Wall.Total && len(list) > 1
}

// because adds what a bucket's name alone does not tell: that the time is spent
// on the service's own side, or behind somebody else.
func because(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	text := ""
	if p := mostly(t); p != nil {
		text = fmt.Sprintf(", %s of it %s", percent(ratio(p.total(t), t.Total)), p.spent)
	}
	if l := computes(e); t.Bucket == breakdown.CPU && l != nil {
		text = ", " + within(l)
	}
	if h := t.Culprit(); h != nil && h.Doing[0].Doing == t.Bucket {
		return text // the name of the bucket has said it
	}
	return text + heldWhile(t)
}

// heldWhile names who kept requests waiting for most of a bucket's time, and what
// that one was in.
func heldWhile(t *breakdown.BucketTime) string {
	h := t.Culprit()
	if h == nil {
		return ""
	}
	by, _ := keeping(t.Bucket)
	return fmt.Sprintf(", %s %s while it was in %s", by, shorten(function(h.Function), 50), h.Doing[0].Doing.Info().Spoken)
}

// computes is the system that most of the running time is in calls to, nil where
// there is none: a database within the process, whose work is in two buckets.
func computes(e *breakdown.Endpoint) *breakdown.CPULibrary {
	for i := range e.CPULibraries {
		if l := &e.CPULibraries[i]; l.OfSamples >= fewestSamples && 2*l.Samples >= l.OfSamples {
			return l
		}
	}
	return nil
}

// notable is the share of the wall time from which a part is worth a second
// sentence. It is that from which findings speak.
const notable = 0.10

// besides is the second sentence. It answers what would be asked next: would the
// usual suspect, the database, matter? The answer to that is given however small it
// is. Where there is no database it tells what else a notable part of the time is,
// and where there is no such part it is silent.
func besides(e *breakdown.Endpoint) string {
	list := ranked(e.Buckets, total)
	if i := slices.IndexFunc(list, func(t *breakdown.BucketTime) bool { return t.Bucket == breakdown.DB }); i >= 0 {
		return savingOf(e, list[i]).sentence(e, list[i])
	}
	if len(list) > 0 && mostly(list[0]) != nil {
		return savingOf(e, list[0]).sentence(e, list[0])
	}
	for i, t := range list {
		switch {
		case i == 0 || t.Bucket == breakdown.Unknown:
			continue
		case !isNotable(e, t):
			return ""
		case t.Bucket.External():
			return savingOf(e, t).sentence(e, t)
		case isSpread(e, list) && i == 1:
			return "" // the first sentence has named it
		}
		return fmt.Sprintf("Another %s (%s) is in %s%s.", scaleOf(e.Wall.Mean).column(t.Mean), percent(ratio(t.Total, e.Wall.Total)), spoken(t), because(e, t))
	}
	return ""
}

// isNotable reports whether a bucket holds a notable part of the time, and that not by
// the chance of a few requests: its mean is beyond two of its standard errors.
func isNotable(e *breakdown.Endpoint, t *breakdown.BucketTime) bool {
	return ratio(t.Total, e.Wall.Total) >= notable && float64(t.Mean) > 2*standardError(t.Hist)
}

// standardError is that of the mean of what a histogram counts, 0 where there is
// nothing to tell it from.
func standardError(h *breakdown.Histogram) float64 {
	if h == nil || h.N() < 2 {
		return 0
	}
	n, sum, squares := float64(h.N()), 0.0, 0.0
	h.Each(func(lo, hi, count int64) {
		x := (float64(lo) + float64(hi)) / 2
		sum += x * float64(count)
		squares += x * x * float64(count)
	})
	return math.Sqrt(max(squares-sum*sum/n, 0) / (n - 1) / n)
}

// butIncomplete speaks up where the requests that the window cut would change
// the answer.
func butIncomplete(e *breakdown.Endpoint) string {
	completed, cut := ranked(e.Buckets, total), ranked(e.Buckets, incomplete)
	all := ranked(e.Buckets, both)
	if len(completed) == 0 || len(cut) == 0 || all[0] == completed[0] {
		return ""
	}
	return fmt.Sprintf("But %s not complete within the window: they hold %s of its request time, most of it in %s.",
		counted(e.Incomplete, "more request did", "more requests did"), percent(ratio(e.IncompleteTime, requestTime(e))), spoken(cut[0]))
}

func spokenTitle(e *breakdown.Endpoint) string {
	if e.Route == "" && (e.Name == breakdown.Unnamed || e.Name == "") {
		return "requests without a name"
	}
	return shorten(title(e), 60)
}

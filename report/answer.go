package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// conclusion returns the sentences that a page ends with: those of an answer that was
// read from JSON as they are.
func conclusion(b *breakdown.Breakdown) string { return cmp.Or(b.Conclusion.Text, answer(b)) }

// answer returns the last line of a page: where the time is, and how much of it the
// usual suspect, the database, or the next largest part accounts for.
func answer(b *breakdown.Breakdown) string {
	e := busiest(b)
	still := standstill(b)
	switch {
	case e == nil:
		return withoutRequests(b)
	case isOutside(b) && e.Client != nil:
		return outsideOf(b, e)
	case e.Sampled != nil:
		return estimateOf(b, e)
	case still != "":
		return strings.TrimPrefix(elsewhere(b)+" "+still, " ")
	case e.Requests == 0 && diagnosis.Concluding(b) == nil:
		return strings.TrimPrefix(elsewhere(b)+" "+withoutCompleted(b, e), " ")
	}
	sentences := caused(b, e)
	if sentences == nil {
		sentences = append([]string{whereTheTimeIs(b, e)}, besides(b, e, nil)...)
	}
	if in := inWhich(b, e); in != "" {
		sentences[0] = in + ": " + lower(sentences[0])
	}
	if s := elsewhere(b); s != "" {
		sentences = append([]string{s}, sentences...)
	}
	if s := unread(b, e); s != "" {
		sentences = append(sentences, s)
	}
	if s := butIncomplete(e); s != "" {
		sentences = append(sentences, s)
	}
	if s := besideLasting(b, e); s != "" {
		sentences = append(sentences, s)
	}
	if s := oddSentence(b); s != "" {
		sentences = append(sentences, s)
	}
	return strings.Join(sentences, " ")
}

// inWhich returns the requests that an answer is about, "" if that needs no word.
func inWhich(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	switch {
	case mostCut(e) && goesTo(b, e) == "":
		return "In the " + counted(e.Requests, "request that completed", "requests that completed")
	case b.WorksElsewhere():
		return "In the requests"
	}
	return ""
}

// unread returns a sentence about the time that requests on new connections wait before
// the server reads them, else "".
func unread(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	if e.Client == nil || !e.Client.Fresh.Queues() {
		if slices.ContainsFunc(b.Findings, func(f breakdown.Finding) bool { return f.ID == "accept-queue" }) {
			return "But new connections wait before that until the service accepts them."
		}
		return ""
	}
	f := e.Client.Fresh
	return fmt.Sprintf("But a client with a new connection waits another %s (%s of its %s) before the server reads its request.",
		threeDigits(f.Longer()), percent(ratio(f.Longer(), f.Mean)), threeDigits(f.Mean))
}

// lower returns a sentence as the continuation of another one.
func lower(sentence string) string { return strings.ToLower(sentence[:1]) + sentence[1:] }

func busiest(b *breakdown.Breakdown) *breakdown.Endpoint { return b.Busiest() }

// besideLasting returns a sentence about the time in streams and long polls where the
// answer is about other endpoints, else "".
func besideLasting(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	sum, kinds := lasting(b)
	if e.Lasts() || sum == 0 {
		return ""
	}
	return fmt.Sprintf("Another %s of request time (%s of all) is in %s, which stay open until there is something to send.",
		duration(sum), percent(ratio(sum, requestTimeOf(b))), kinds)
}

// lasting returns the request time in streams and long polls, and which of them there are.
func lasting(b *breakdown.Breakdown) (sum int64, kinds string) {
	var names []string
	for i := range b.Endpoints {
		if l := &b.Endpoints[i]; l.Lasts() && requestTime(l) > 0 {
			sum += requestTime(l)
			names = append(names, lastingKind(l))
		}
	}
	slices.Sort(names)
	return sum, list(slices.Compact(names))
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
	in := "no known bucket"
	if top := ranked(e.Buckets, incomplete); len(top) > 0 {
		in = fmt.Sprintf("%s (%s)", spoken(top[0]), percent(ratio(incomplete(top[0]), e.IncompleteTime)))
		if p := mostlyOf(top[0], incomplete, incompleteIn); p != nil {
			in += fmt.Sprintf(", %s of it %s", percent(ratio(p.time(top[0], incompleteIn), incomplete(top[0]))), p.spentOn(top[0], incompleteIn))
		}
		in += cutAt(e, top[0])
	}
	whose := ""
	if several(b) {
		whose = " of " + spokenTitle(e) + ", which has the most request time,"
	}
	advice := " A longer window would show whether they complete."
	if isShort(b) {
		advice = ""
	}
	return fmt.Sprintf("No request%s completed within the window: %s cut by its edges, with most of their time in %s.%s",
		whose, counted(e.Incomplete, "was", "were"), in, advice)
}

// isShort reports whether the trace is not whole, so that a longer window would not help.
func isShort(b *breakdown.Breakdown) bool {
	return slices.ContainsFunc(b.Warnings, func(w breakdown.Warning) bool { return w.Facts != nil && w.Facts.Short })
}

// whereTheTimeIs returns the first sentence.
func whereTheTimeIs(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	what, where := "most time", "spent on nothing that could be seen"
	if list := ranked(e.Buckets, total); len(list) > 0 {
		where = inBuckets(e, list)
		if isSpread(e, list) {
			what = "the time"
		}
	}
	if to := goesTo(b, e); to != "" {
		return fmt.Sprintf("%s, and %s there is %s.", to, what, where)
	}
	return strings.ToUpper(what[:1]) + what[1:] + " is " + where + "."
}

// goesTo says that most time goes to an endpoint: a sentence without its end. It returns
// "" if hardly any goes to others.
func goesTo(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	share, most := weight(b, e), "Most"
	if share >= 1-ownLine {
		return ""
	}
	if share < 0.5 {
		most = "The largest part"
	}
	of := "the request time"
	if sum, kinds := lasting(b); sum > 0 && !e.Lasts() {
		of += " outside of " + kinds
	}
	return fmt.Sprintf("%s of %s (%s) goes to %s", most, of, percent(share), spokenTitle(e))
}

// inBuckets names the bucket with most of the time. If none holds half of it, inBuckets
// names the largest two with their shares.
func inBuckets(e *breakdown.Endpoint, list []*breakdown.BucketTime) string {
	top := list[0]
	if !isSpread(e, list) {
		if p := mostly(top); p != nil && 2*p.total(top) >= e.Wall.Total {
			return "spent " + p.instead(top) + " (" + percent(ratio(p.total(top), e.Wall.Total)) + ")" + heldWhile(top)
		}
		how := "in "
		if top.Bucket.External() {
			how = "waiting for "
		}
		return "spent " + how + spoken(top) + because(e, top)
	}
	return fmt.Sprintf("spread: %s in %s%s, %s in %s",
		percent(ratio(top.Total, e.Wall.Total)), spoken(top), because(e, top), percent(ratio(list[1].Total, e.Wall.Total)), spoken(list[1]))
}

// isSpread reports whether no bucket holds half of the time, so that the answer names
// two.
func isSpread(e *breakdown.Endpoint, list []*breakdown.BucketTime) bool {
	return 2*list[0].Total < e.Wall.Total && len(list) > 1
}

// because returns what a bucket's name alone does not say: that the time is spent on
// the service's own side, or behind a lock holder or a busy worker.
func because(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	text := ""
	if p := mostly(t); p != nil {
		text = fmt.Sprintf(", %s of it %s", percent(ratio(p.total(t), t.Total)), p.spentOn(t, totalIn))
	}
	if t.Bucket == breakdown.CPU {
		if l := computes(e); l != nil {
			text = ", " + within(l)
		} else {
			text = computedAt(e, t)
		}
	}
	if h := t.Culprit(); h != nil && h.Doing[0].Doing == t.Bucket {
		return text // the bucket's name says it
	}
	return text + heldWhile(t)
}

// heldWhile names the holder that kept requests waiting for most of a bucket's time,
// and what it was doing.
func heldWhile(t *breakdown.BucketTime) string {
	h := t.Culprit()
	if h == nil {
		return ""
	}
	by, _ := keeping(t.Bucket)
	return fmt.Sprintf(", %s %s while it was in %s", by, shorten(function(h.Function), 50), h.Doing[0].Doing.Info().Spoken)
}

// computes returns the system whose calls take most of the running time, or nil if
// there is none. Such a system is a database within the process: its work is in two
// buckets.
func computes(e *breakdown.Endpoint) *breakdown.CPULibrary {
	for i := range e.CPULibraries {
		if l := &e.CPULibraries[i]; l.OfSamples >= fewestSamples && 2*l.Samples >= l.OfSamples {
			return l
		}
	}
	return nil
}

// computedAt names the call site of the service's own with most of the running time, as a
// clause, if it has half of it and enough samples.
func computedAt(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	for _, c := range e.CPUSites {
		for i := range t.Sites {
			s := &t.Sites[i]
			if s.Frame != c.Frame || s.Samples < fewestSamples || 2*s.Total < t.Total {
				continue
			}
			in := ""
			if c.Called != "" {
				in = "in " + function(c.Called) + ", called "
			}
			return clean(fmt.Sprintf(", %s of it %sat %s", percent(ratio(s.Total, t.Total)), in, spot(s.Frame)))
		}
	}
	return ""
}

// notable is the share of the wall time from which a part gets a second sentence.
// Findings use the same threshold.
const notable = 0.10

// besides returns the second sentence, none if nothing is worth one. It answers the
// question a reader asks next: would the usual suspect, the database, matter? Without an
// answer to that, it names another notable part of the time, if there is one. The
// sentence before is about named, or about the largest part if named is nil.
func besides(b *breakdown.Breakdown, e *breakdown.Endpoint, named *breakdown.BucketTime) []string {
	list := ranked(e.Buckets, total)
	if len(list) == 0 {
		return nil
	}
	if said := notWorthIt(b, e); said != nil {
		return said
	}
	if said := blamed(b, e, named); said != nil {
		return said
	}
	spread := named == nil && isSpread(e, list)
	if named == nil {
		named = list[0]
	}
	for i, t := range list {
		switch {
		case t == named || t.Bucket == breakdown.Unknown:
			continue
		case !isNotable(e, t):
			return nil
		case spread && i == 1:
			return nil // the first sentence has named it
		}
		return []string{fmt.Sprintf("Another %s (%s) is in %s%s.", scaleOf(e.Wall.Mean).column(t.Mean), percent(ratio(t.Total, e.Wall.Total)), spoken(t), because(e, t))}
	}
	return nil
}

// isNotable reports whether a bucket holds a notable part of the time that is not just
// a few requests' chance: its mean must exceed two of its standard errors.
func isNotable(e *breakdown.Endpoint, t *breakdown.BucketTime) bool {
	return ratio(t.Total, e.Wall.Total) >= notable && float64(t.Mean) > 2*standardError(t.Hist)
}

// standardError returns the standard error of the mean of a histogram's values, or 0
// for fewer than two values.
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

// mostCut reports whether the requests that the window's edges cut hold most of an
// endpoint's request time. Streams do by their nature.
func mostCut(e *breakdown.Endpoint) bool {
	return e.Requests > 0 && !e.Lasts() && 2*e.IncompleteTime >= requestTime(e)
}

// butIncomplete returns a sentence if the cut requests hold most of the request time, or
// counting them would change the answer, else "".
func butIncomplete(e *breakdown.Endpoint) string {
	completed, cut := ranked(e.Buckets, total), ranked(e.Buckets, incomplete)
	if len(completed) == 0 || len(cut) == 0 {
		return ""
	}
	if !mostCut(e) && ranked(e.Buckets, both)[0] == completed[0] {
		return ""
	}
	in, part := "in "+spoken(cut[0]), incomplete(cut[0])
	if p := mostlyOf(cut[0], incomplete, incompleteIn); p != nil {
		in, part = p.spentOn(cut[0], incompleteIn), p.time(cut[0], incompleteIn)
	}
	most := "most of it"
	if 2*part < e.IncompleteTime {
		most = "the largest part of it"
	}
	return fmt.Sprintf("But %s not complete within the window: they hold %s of its request time, %s %s%s.",
		counted(e.Incomplete, "more request did", "more requests did"), percent(ratio(e.IncompleteTime, requestTime(e))), most, in, cutAt(e, cut[0]))
}

// cutAt names the site in a bucket that has most of the cut requests' time, "" if none has.
func cutAt(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	if sites := t.IncompleteSites; len(sites) > 0 && sites[0].Function != breakdown.Other && 2*sites[0].Total >= e.IncompleteTime {
		return ", mostly at " + spot(sites[0].Frame)
	}
	return ""
}

func spokenTitle(e *breakdown.Endpoint) string {
	if e.Route == "" && (e.Name == breakdown.Unnamed || e.Name == "") {
		return "requests without a name"
	}
	return shorten(title(e), 60)
}

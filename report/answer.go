package report

import (
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// answer is the last line of a page: where the time is, and what the usual
// suspect, the database, has to do with it.
func answer(b *breakdown.Breakdown) string {
	e := busiest(b)
	switch {
	case e == nil:
		return withoutRequests(b)
	case e.Requests == 0:
		return withoutCompleted(b, e)
	}
	sentences := []string{whereTheTimeIs(b, e)}
	if s := suspect(e); s != nil {
		sentences = append(sentences, savingOf(e, s).sentence(e, free(s)))
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
		work := atWork(&roots[i])
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
	}
	whose := ""
	if several(b) {
		whose = " of " + spokenTitle(e) + ", which most request time goes to,"
	}
	return fmt.Sprintf("No request%s completed within the window: %s cut by its edges, with most of their time in %s. A longer window would tell more.",
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
	share := ratio(top.Total, e.Wall.Total)
	if share >= 0.5 || len(list) < 2 {
		return "in " + spoken(top) + because(e, top)
	}
	return fmt.Sprintf("spread: %s in %s%s, %s in %s",
		percent(share), spoken(top), because(e, top), percent(ratio(list[1].Total, e.Wall.Total)), spoken(list[1]))
}

// because adds what a bucket's name alone does not tell: that the time is spent
// on the way to the system, or behind somebody else.
func because(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	const most = 0.5
	if dial := dialing(t); ratio(dial, t.Total) >= most {
		return fmt.Sprintf(", %s of it making connections", percent(ratio(dial, t.Total)))
	}
	text := ""
	if l := computes(e); t.Bucket == breakdown.CPU && l != nil {
		text = ", " + within(l)
	}
	if wait := phaseTotal(t, breakdown.PoolWait); ratio(wait, t.Total) >= most {
		text = fmt.Sprintf(", %s of it waiting for a connection from the pool", percent(ratio(wait, t.Total)))
	}
	if h := t.Culprit(); h != nil && h.Doing[0].Doing != t.Bucket { // else the name of the bucket has said it
		text += fmt.Sprintf(", held by %s while it was in %s", shorten(function(h.Function), 50), words[h.Doing[0].Doing].spoken)
	}
	return text
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

// suspect is the bucket that the second sentence speaks of: the database where
// there is any, for it is what gets blamed, else the one after the largest.
func suspect(e *breakdown.Endpoint) *breakdown.BucketTime {
	list := ranked(e.Buckets, total)
	for _, t := range list {
		if t.Bucket == breakdown.DB {
			return t
		}
	}
	for i, t := range list {
		if i > 0 && t.Bucket != breakdown.Unknown {
			return t
		}
	}
	return nil
}

// A saving is what the absence of a bucket would save in the mean, and the ways
// in which that figure may be off. They are zero where they are too small to
// matter.
type saving struct {
	ns       int64 // mean wall time less the ceiling
	queued   int64 // up to so much more, as requests wait elsewhere for one that is in this bucket
	shadowed int64 // up to so much less, as other calls run hidden beside it
	computed int64 // about so much more, as the system's work is in cpu
	held     int64 // up to so much less, as connections are held for other work than this bucket's
}

// savingOf reads the saving out of a bucket. An error matters from a twentieth
// of the saving on, and from half a percent of the wall time on: below either
// the figure is as good as it is printed.
func savingOf(e *breakdown.Endpoint, t *breakdown.BucketTime) saving {
	s := saving{ns: max(e.Wall.Mean-t.Ceiling, 0)}
	matters := func(ns int64) bool { return 20*ns >= s.ns && 200*ns >= e.Wall.Mean && ns > 0 }
	if queued := min(t.QueuedBehind, e.Wall.Mean-s.ns); matters(queued) {
		s.queued = queued
	}
	if shadowed := min(t.Shadowed, s.ns); matters(shadowed) {
		s.shadowed = shadowed
	}
	if held := min(heldForOthers(e, t), s.ns-s.shadowed); matters(held) {
		s.held = held
	}
	if l := computes(e); l != nil && l.Bucket == t.Bucket && matters(l.Estimate) {
		s.computed = l.Estimate
	}
	return s
}

// heldForOthers is the part of a bucket's pool wait in which the connections
// were held for work in other buckets: they would be, were this one free.
func heldForOthers(e *breakdown.Endpoint, t *breakdown.BucketTime) int64 {
	if phaseTotal(t, breakdown.PoolWait) == 0 {
		return 0
	}
	sum := int64(0)
	for _, h := range t.Holders {
		if h.Doing != t.Bucket {
			sum += h.Total
		}
	}
	return sum / max(e.Requests, 1)
}

// sentence says what would be saved: flatly where the figure holds, else as a
// range and why.
func (s saving) sentence(e *breakdown.Endpoint, subject string) string {
	scale := scaleOf(e.Wall.Mean)
	low, high := s.ns-s.shadowed-s.held, min(s.ns+s.queued+s.computed, e.Wall.Mean)
	if 2000*high < e.Wall.Mean {
		return fmt.Sprintf("%s would save next to nothing (%s).", subject, scale.atLeastVisible(s.ns))
	}
	var why []string
	if s.queued > 0 {
		why = append(why, "requests queue behind it for "+scale.column(s.queued))
	}
	if s.computed > 0 {
		why = append(why, "about "+scale.column(s.computed)+" of CPU are its work")
	}
	if s.shadowed > 0 {
		why = append(why, "up to "+scale.column(s.shadowed)+" of other calls run hidden beside it")
	}
	if s.held > 0 {
		why = append(why, "its connections are held for other work for "+scale.column(s.held))
	}
	if len(why) == 0 {
		return fmt.Sprintf("%s would save %s (%s).", subject, scale.column(s.ns), percent(ratio(s.ns, e.Wall.Mean)))
	}
	because := strings.Join(why, ", and ")
	if 2000*low < e.Wall.Mean {
		return fmt.Sprintf("%s would save at most %s (%s): %s.", subject, scale.column(high), percent(ratio(high, e.Wall.Mean)), because)
	}
	from := strings.TrimSuffix(scale.column(low), " "+scale.unit)
	return fmt.Sprintf("%s would save %s to %s (%s to %s): %s.",
		subject, from, scale.column(high), percent(ratio(low, e.Wall.Mean)), percent(ratio(high, e.Wall.Mean)), because)
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

package report

import (
	"fmt"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// caused returns the sentences about the cause that accounts for most of an endpoint's
// time: what it is, how much it accounts for, and what fixing it saves at most. It returns
// nil if no cause accounts for enough.
func caused(b *breakdown.Breakdown, e *breakdown.Endpoint) []string {
	x := diagnosis.Concluding(b)
	if x == nil {
		return nil
	}
	if t := sideOf(e, x); t != nil {
		said := []string{waitingFor(b, e, t), savingBy(e, x, t).sentence(e, t, nil)}
		if x.Facts.Has(breakdown.FactFew) {
			said = append(said, "Each "+askedBy(x.Facts)+" is slow by itself: "+inFlight(x.Facts)+".")
		}
		return append(said, besides(b, e, t)...)
	}
	words, ok := findingWordings[x.ID]
	if !ok {
		return nil
	}
	clause := ""
	if words.concludes != nil {
		clause = words.concludes(x.Facts)
	} else {
		clause = words.title(x.Facts)
		clause += where(x.Facts, clause)
	}
	sentence := likelihood(x.Confidence, "cause") + ": " + clean(clause) + "."
	if to := goesTo(b, e); to != "" {
		sentence = to + ". " + likelihood(x.Confidence, "cause there") + ": " + clean(clause) + "."
	}
	return append([]string{sentence, accounts(b, x)}, notWorthIt(b, e)...)
}

// sideOf returns the bucket of the other system that a cause is about, nil if it is about
// something else.
func sideOf(e *breakdown.Endpoint, x *breakdown.Explanation) *breakdown.BucketTime {
	if x.ID != "other-side" && x.ID != "not-worth-it" {
		return nil
	}
	for i := range e.Buckets {
		if t := &e.Buckets[i]; t.Bucket.String() == x.Facts.Name(breakdown.FactOtherSide) {
			return t
		}
	}
	return nil
}

// savingBy returns what an endpoint saves if another system takes no time, as far as a
// cause blames that system.
func savingBy(e *breakdown.Endpoint, x *breakdown.Explanation, t *breakdown.BucketTime) saving {
	s, blamed := savingOf(e, t), x.Explains
	if e.Name == x.Endpoints[0] {
		blamed = x.Facts.Time(breakdown.FactOtherSide)
	}
	s.ns = min(s.ns, blamed)
	s.shadowed = min(s.shadowed, s.ns)
	return s
}

// waitingFor says that the time is another system's.
func waitingFor(b *breakdown.Breakdown, e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	if to := goesTo(b, e); to != "" {
		return to + ", and most time there is spent waiting for " + spoken(t) + "."
	}
	return "Most time is spent waiting for " + spoken(t) + "."
}

// notWorthIt returns the sentence that clears the usual suspect, none if there is none to
// clear.
func notWorthIt(b *breakdown.Breakdown, e *breakdown.Endpoint) []string {
	for i := range b.Causes {
		x := &b.Causes[i]
		if t := sideOf(e, x); x.ID == "not-worth-it" && x.Endpoints[0] == e.Name && t != nil {
			return []string{savingBy(e, x, t).claim(e, t) + "."}
		}
	}
	return nil
}

// blamed returns the sentence about another system with a notable part of the time, the
// database first, unless it has been named. It returns none if there is none.
func blamed(b *breakdown.Breakdown, e *breakdown.Endpoint, named *breakdown.BucketTime) []string {
	var most *breakdown.Explanation
	var in *breakdown.BucketTime
	for i := range b.Causes {
		x := &b.Causes[i]
		if x.ID != "other-side" || !slices.Contains(x.Endpoints, e.Name) {
			continue
		}
		if t := sideOf(e, x); t != nil && t != named && (most == nil || t.Bucket == breakdown.DB) {
			most, in = x, t
		}
	}
	if most == nil {
		return nil
	}
	return []string{savingBy(e, most, in).sentence(e, in, ranked(e.Buckets, total)[0])}
}

// likelihood says how sure something is.
func likelihood(c breakdown.Confidence, of string) string {
	switch c {
	case breakdown.Certain:
		return "The " + of
	case breakdown.Likely:
		return "The likely " + of
	}
	return "A possible " + of
}

// where returns the place of a cause: who holds what requests wait for, else the call
// site. It returns "" if there is none, or the title names it.
func where(f breakdown.Facts, title string) string {
	how, at := ", held by ", f.Frame(breakdown.FactHolder)
	if strings.Contains(title, "held") {
		how = ", by "
	}
	if at.Function == "" {
		how, at = ", at ", f.Frame(breakdown.FactSite)
	}
	if at.Function == "" || strings.Contains(title, function(at.Function)) {
		return ""
	}
	return how + shortSpot(at)
}

// shortSpot returns a frame for a sentence that must stay short.
func shortSpot(f breakdown.Frame) string {
	name := shorten(function(f.Function), 50)
	if at := position(f); at != "" {
		name += " (" + shorten(at, 40) + ")"
	}
	return name
}

// accounts says how much of the time a cause accounts for, and what fixing it saves at
// most.
func accounts(b *breakdown.Breakdown, x *breakdown.Explanation) string {
	part, whole := diagnosis.Accounted(b, x)
	unit, does, saves := scaleOf(whole), "It accounts for", "fixing it saves"
	if x.Confidence == breakdown.Possible {
		does, saves = "It would account for", "fixing it would then save"
	}
	text := fmt.Sprintf("%s %s of %s per request (%s)", does, strings.TrimSuffix(unit.column(part), " "+unit.unit), unit.column(whole), percent(ratio(part, whole)))
	switch {
	case x.Forecast != nil && x.SavesBy == breakdown.ByReplay:
		return text + ". " + brings(x, whole)
	case x.Saves <= 0:
		return text + "."
	case unit.column(x.Saves) == unit.column(part):
		return text + "; " + saves + " that much at most."
	}
	return text + "; " + saves + " at most " + unit.column(x.Saves) + "."
}

// brings says what the remedy of a cause brings, as a replay has it.
func brings(x *breakdown.Explanation, wall int64) string {
	what := making(x.Forecast.Changes)
	if x.Saves <= 0 {
		return capitalized(what) + " would bring nothing, as requests replayed with it show."
	}
	does := " brings "
	if x.Confidence == breakdown.Possible {
		does = " would then bring "
	}
	return capitalized(what) + does + foreseenText(x.Forecast, wall, measuredText(x.Forecast.Changes)) + "."
}

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// WhatIfJSON writes a prediction in the schema named by breakdown.WhatIfSchema. Times,
// arrays and escapes are as in JSON.
func WhatIfJSON(w io.Writer, p *breakdown.Prediction) error {
	n := *wordedPrediction(p)
	n.Changes, n.Endpoints = copied(n.Changes), copied(n.Endpoints)
	return writeJSON(w, &n, "the prediction")
}

// WhatIfText writes a prediction as a screen for a terminal: for each endpoint what it takes
// before and after, where that time goes, and what the prediction rests on. The last line
// is the answer.
func WhatIfText(w io.Writer, p *breakdown.Prediction, o TextOptions) error {
	t := &predicted{page: newPage(o), p: wordedPrediction(p)}
	if err := t.write(cmp.Or(o.Top, defaultTop)); err != nil {
		return fmt.Errorf("laying out the prediction: %w", err)
	}
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the prediction: %w", err)
	}
	return nil
}

// predicted lays out a prediction's screen.
type predicted struct {
	page
	p *breakdown.Prediction
}

func (t *predicted) write(top int) error {
	t.text(plain, 0, "", strings.Join(t.source(), ", "))
	t.text(plain, 0, "what if: ", changesText(t.p.Changes))
	t.line(plain, "")
	list := t.p.Endpoints
	for i := range list[:min(top, len(list))] {
		if err := t.endpoint(&list[i]); err != nil {
			return err
		}
	}
	if rest := list[min(top, len(list)):]; len(rest) > 0 {
		var names []string
		for i := range rest {
			names = append(names, shorten(predictedTitle(&rest[i]), 30)+" "+signed(relative(&rest[i])))
		}
		t.text(plain, 0, "", counted(int64(len(rest)), "more endpoint", "more endpoints")+": "+strings.Join(names, ", "))
		t.line(plain, "")
	}
	for _, a := range t.p.Assumptions {
		t.text(plain, 0, "assumed: ", clean(a.Message))
	}
	for _, a := range t.p.Unknown {
		t.text(yellow, 0, "not known: ", clean(a.Message))
	}
	t.line(plain, "")
	t.text(bold, 0, "", t.verdict())
	return nil
}

func (t *predicted) source() (parts []string) {
	if s := &t.p.Source; s.Target != "" {
		parts = append(parts, shorten(clean(s.Target), 40))
	}
	parts = append(parts, "replay of "+duration(t.p.Replayed))
	if t.p.Load == "closed" {
		parts = append(parts, counted(int64(t.p.Clients), "client", "clients")+" in a closed loop")
	} else {
		parts = append(parts, "requests arrive as recorded")
	}
	return append(parts, identity(&t.p.Source)...)
}

func predictedTitle(e *breakdown.EndpointPredicted) string {
	return title(&breakdown.Endpoint{Name: e.Name, Route: e.Route})
}

func relative(e *breakdown.EndpointPredicted) float64 {
	return float64(e.After.Mean-e.Before.Mean) / float64(max(1, e.Before.Mean))
}

func (t *predicted) endpoint(e *breakdown.EndpointPredicted) error {
	name := ""
	if e.Route != "" {
		name = title(&breakdown.Endpoint{Name: e.Name})
	}
	t.fields(bold, 0, shorten(predictedTitle(e), t.width), shorten(name, t.width), counted(e.Before.Requests, "request", "requests"))
	t.line(plain, "")
	unit := scaleOf(max(e.Before.Mean, e.After.Mean))
	rows := []row{{cells: []string{"", "before", "after", "change"}, note: []string{"95% interval"}}}
	limited := e.Limited
	if limited == nil {
		limited = &breakdown.Predicted{}
	}
	for _, q := range []struct {
		name          string
		before, after int64
		ci            [2]int64
		limited       int64
	}{
		{"mean", e.Before.Mean, e.After.Mean, e.After.MeanCI, limited.Mean},
		{"p50", e.Before.P50, e.After.P50, e.After.P50CI, limited.P50},
		{"p95", e.Before.P95, e.After.P95, e.After.P95CI, limited.P95},
		{"p99", e.Before.P99, e.After.P99, e.After.P99CI, limited.P99},
	} {
		interval := unit.column(q.ci[0]) + " to " + unit.column(q.ci[1])
		if e.Limited != nil {
			interval += "   limited: " + unit.column(q.limited)
		}
		rows = append(rows, row{cells: []string{q.name, unit.column(q.before), unit.column(q.after), signed(float64(q.after-q.before) / float64(max(1, q.before)))},
			note: []string{interval}})
	}
	rows = append(rows, row{cells: []string{"requests/s", fmt.Sprintf("%.1f", e.Before.Rate), fmt.Sprintf("%.1f", e.After.Rate), signed(e.After.Rate/e.Before.Rate - 1)}})
	for _, i := range largestParts(e) {
		before, after := e.Before.Buckets[i].Mean, e.After.Buckets[i].Mean
		rows = append(rows, row{cells: []string{"  " + e.Before.Buckets[i].Bucket.Info().Label, unit.column(before), unit.column(after), ""}})
	}
	if err := t.table(2, rows); err != nil {
		return err
	}
	t.line(plain, "")
	return nil
}

// largestParts returns the indices of the buckets that matter before or after, the largest
// first.
func largestParts(e *breakdown.EndpointPredicted) (list []int) {
	part := func(i int) int64 { return max(e.Before.Buckets[i].Mean, e.After.Buckets[i].Mean) }
	for i := range e.Before.Buckets {
		if float64(part(i)) > smallPart*float64(max(e.Before.Mean, e.After.Mean)) {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(i, k int) int { return cmp.Compare(part(k), part(i)) })
	return list
}

// verdict returns the answer: the change of the endpoint with the most request time.
func (t *predicted) verdict() string {
	if len(t.p.Endpoints) == 0 {
		return "No endpoint's requests could be replayed."
	}
	e := &t.p.Endpoints[0]
	unit := scaleOf(max(e.Before.Mean, e.After.Mean))
	what := "With that, requests to " + predictedTitle(e) + " would take "
	if len(t.p.Changes) == 0 {
		return "Nothing is changed. The replay gives " + unit.change(e.Before.Mean, e.Replayed.Mean) + " for " + predictedTitle(e) + "."
	}
	if l := e.Limited; l != nil && float64(magnitude(l.Mean-e.After.Mean)) > twoEnds*float64(e.Before.Mean) {
		return what + "between " + unit.short(e.After.Mean) + " and " + unit.short(l.Mean) + ", and take " + unit.short(e.Before.Mean) + " now: it depends on whether other systems keep their pace."
	}
	return what + unit.change(e.Before.Mean, e.After.Mean) + " (" + signed(relative(e)) + ")."
}

// twoEnds is the share of the mean from which the answer has two ends.
const twoEnds = 0.05

// changesText returns the changes in words.
func changesText(changes []breakdown.PlannedChange) string {
	var texts []string
	for i := range changes {
		texts = append(texts, changeText(&changes[i]))
	}
	if len(texts) == 0 {
		return "nothing changes"
	}
	return strings.Join(texts, "; ")
}

func changeText(c *breakdown.PlannedChange) string {
	at := clean(c.At)
	switch c.Change {
	case "scale":
		if c.Factor == 0 {
			return at + " takes no time"
		}
		return fmt.Sprintf("%s takes %v times as long", at, c.Factor)
	case "concurrent":
		return "the calls at " + at + " go out at once"
	case "once":
		return "only one call at " + at
	case "reuse-connections":
		if at != "" {
			return "the calls at " + at + " reuse their connections"
		}
		return "all calls reuse their connections"
	case "procs":
		return fmt.Sprintf("GOMAXPROCS is %d", c.Number)
	case "pool":
		return fmt.Sprintf("the pool at %s has %s", at, counted(int64(c.Number), "connection", "connections"))
	case "workers":
		return fmt.Sprintf("there are %s at %s", counted(int64(c.Number), "worker", "workers"), at)
	case "no-lock":
		return "there is no lock at " + at
	case "rate":
		return fmt.Sprintf("%v times as many requests", c.Factor)
	}
	return c.Change + " " + at
}

// wordedPrediction returns a copy of p with what it assumes in words.
func wordedPrediction(p *breakdown.Prediction) *breakdown.Prediction {
	n := *p
	n.Assumptions, n.Unknown = copied(p.Assumptions), copied(p.Unknown)
	for _, list := range [][]breakdown.Assumption{n.Assumptions, n.Unknown} {
		for i := range list {
			list[i].Message = assumptionText(&n, &list[i])
		}
	}
	return &n
}

func assumptionText(p *breakdown.Prediction, a *breakdown.Assumption) string {
	switch a.Code {
	case breakdown.AssumeLoad:
		how := "requests arrive when they did, also if the service gets slower (--load closed: each client sends the next one when it has the answer)"
		if p.Load == "closed" {
			how = fmt.Sprintf("each of %d clients sends its next request when it has the answer and has paused as recorded (--load open: requests arrive when they did)", a.Number)
		}
		if p.Told {
			how += "; that is what the recording looks like"
		}
		return how
	case breakdown.AssumePace:
		return "other systems answer as fast as they did; they get no more calls at once than before"
	case breakdown.AssumeFitted:
		return paceText(a)
	case breakdown.UnknownLevel:
		return fmt.Sprintf("whether %s keeps its pace: nearly all the time it was seen with %s in flight, and would get %d; \"after\" assumes that it does, \"limited\" that it answers no more at a time. To know, observe it under a load that rises and falls", a.At, counted(int64(a.Number), "call", "calls"), a.Then)
	case breakdown.UnknownPace:
		if slows(p, a.At) {
			return fmt.Sprintf("whether %s slows down further: it was seen to answer %s at once, and would get %d; \"after\" assumes that it does not, \"limited\" that it answers no more at a time. To know, observe it under more load", a.At, counted(int64(a.Number), "call", "calls"), a.Then)
		}
		return fmt.Sprintf("whether %s keeps its pace: it was seen to answer %s at once, and would get %d; \"after\" assumes that it does, \"limited\" that it answers no more at a time. To know, observe it under more load", a.At, counted(int64(a.Number), "call", "calls"), a.Then)
	case breakdown.AssumeQueueKept:
		return fmt.Sprintf("how the %s of waiting in %s per request would change: it is kept as recorded", duration(a.Time), a.Bucket)
	case breakdown.AssumeCores:
		return fmt.Sprintf("there is a core for each of %d processors", a.Number)
	case breakdown.AssumeOnce:
		return "the one call at " + a.At + " takes as long as the first one did"
	case breakdown.AssumePart:
		return fmt.Sprintf("the first %s of the window stand for the rest, which is more than fits into memory (see --memory)", duration(a.Time))
	case breakdown.UnknownIdentity:
		by, more := duration(max(a.Time, -a.Time)), "more"
		if a.Time < 0 {
			more = "less"
		}
		return fmt.Sprintf("why the replay without a change takes %s %s than recorded for %s; the prediction is corrected by as much, and its interval wider", by, more, a.At)
	case breakdown.UnknownQueue:
		return "what requests queue for at " + a.At + ", so the change there has no effect in the replay"
	case breakdown.UnknownUnnamed:
		return counted(int64(a.Number), "request's handler", "requests' handlers") + "; they are replayed, and listed under no endpoint"
	case breakdown.UnknownFew:
		return fmt.Sprintf("more than %s of %s say, which is little for p95 and p99", counted(int64(a.Number), "request", "requests"), a.At)
	}
	return string(a.Code)
}

// slows reports whether calls to a system were seen to take longer with more in flight.
func slows(p *breakdown.Prediction, system string) bool {
	return slices.ContainsFunc(p.Assumptions, func(a breakdown.Assumption) bool {
		return a.Code == breakdown.AssumeFitted && a.At == system && !a.Pace.Holds()
	})
}

// paceText says how the duration of calls depends on how many are in flight.
func paceText(a *breakdown.Assumption) string {
	p := a.Pace
	those := "they"
	if p.Function != "" {
		those = fmt.Sprintf("those at %s (%s)", shorten(function(p.Function), 40), position(breakdown.Frame{File: p.File, Line: p.Line}))
	}
	seen := fmt.Sprintf("as seen with %d to %d in flight, in %s", p.From, p.To, counted(int64(p.Calls), "call", "calls"))
	if p.Holds() {
		return fmt.Sprintf("%s keeps its pace: with each further call in flight, %s take %s longer at most, %s", a.At, those, duration(max(0, p.PerCallCI[1])), seen)
	}
	unit := scaleOf(p.PerCallCI[1])
	return fmt.Sprintf("%s slows down: with each further call in flight, %s take %s longer (%s to %s), %s", a.At, those, unit.short(p.PerCall), unit.short(p.PerCallCI[0]), unit.short(p.PerCallCI[1]), seen)
}

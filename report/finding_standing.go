package report

import (
	"cmp"
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// standingWordings words the findings about requests that stand still.
var standingWordings = map[string]findingWording{
	"stuck-requests": {
		title: func(f breakdown.Facts) string {
			return fmt.Sprintf("%s been waiting for %s and more %s", stuck(f), threeDigits(f.Time(breakdown.FactStuckFor)), stuckOn(f))
		},
		evidence: func(f breakdown.Facts) []string { return append(stuckAt(f), parties(f)...) },
		try: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactStuck) {
			case "connection", "lock":
				if f.Has(breakdown.FactParty) {
					return "do not wait for anything else while holding it, or give that wait a deadline"
				}
				return "release it on every path (defer), and give the wait a deadline"
			case "receiver", "sender":
				return "let the sender give up when nobody receives (select with ctx.Done()), and end no receiver while work is sent"
			}
			return "give the call a deadline (context.WithTimeout, http.Client.Timeout)"
		},
	},
	"no-deadline": {
		title: func(f breakdown.Facts) string {
			whole := int64(f.Number(breakdown.FactStuckWhole))
			return fmt.Sprintf("%s to %s lasted the whole window of %s: no deadline has ended them", counted(whole, "call", "calls"), theSystem(f.Name(breakdown.FactStuckBucket)), threeDigits(f.Time(breakdown.FactStuckFor)))
		},
		evidence: stuckAt,
	},
	"deadlock": {
		title: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactStuck) {
			case "connection":
				return "deadlock: requests hold " + aConnection(f) + " and wait for a second one"
			case "lock":
				return "deadlock: requests hold a lock and wait for another one"
			}
			return "deadlock: requests and the worker they need wait for each other"
		},
		evidence: func(f breakdown.Facts) []string { return append(parties(f), stuckAt(f)...) },
		try: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactStuck) {
			case "connection":
				return "query on the connection that the request already has (the transaction, or after the rows are read), or ask once with a join"
			case "lock":
				return "take the locks in the same order everywhere, and none twice"
			}
			return "let the worker never wait for those who wait for it: a buffer for its results, or a select that gives up"
		},
	},
	"goroutines-grow": {
		title: func(f breakdown.Facts) string {
			g, _ := f.Of(breakdown.FactGrown)
			return fmt.Sprintf("goroutines pile up: %s more in %s, started at %s", count(int64(g.Value)), threeDigits(f.Time(breakdown.FactGrownIn)), spot(g.Frame()))
		},
		evidence: grown,
	},
	"connection-leak": {
		title: func(f breakdown.Facts) string {
			return "connections of the pool are never given back: " + stuck(f) + " been waiting for one"
		},
		evidence: func(f breakdown.Facts) []string {
			return append(stuckAt(f), fmt.Sprintf("none got one in %s, and no goroutine is in %s", threeDigits(f.Time(breakdown.FactStuckFor)), stuckBucket(f).Info().Spoken))
		},
		try: func(f breakdown.Facts) string {
			if stuckBucket(f).Info().Protocols {
				return "read each response body to its end and close it, also on errors"
			}
			return diagnosis.Explain("connection-leak").Try
		},
	},
}

// stuck counts the requests that stand still, with a verb: "38 requests have".
func stuck(f breakdown.Facts) string {
	return counted(int64(f.Number(breakdown.FactStuck)), "request has", "requests have")
}

func stuckBucket(f breakdown.Facts) (b breakdown.Bucket) {
	if b.UnmarshalText([]byte(f.Name(breakdown.FactStuckBucket))) != nil {
		return breakdown.Unknown
	}
	return b
}

// stuckOn says what requests that stand still wait for: "for a lock".
func stuckOn(f breakdown.Facts) string {
	switch what := f.Name(breakdown.FactStuck); what {
	case "connection":
		return "for " + aConnection(f)
	case "answer":
		return "for " + anAnswer(stuckBucket(f))
	default:
		return waitsFor[what]
	}
}

// anAnswer names an answer of another system: "the database's answer".
func anAnswer(b breakdown.Bucket) string {
	if b.Info().Protocols {
		return "the answer of another service"
	}
	return b.Info().Spoken + "'s answer"
}

// waitsFor says what goroutines wait for, by the name in a fact.
var waitsFor = map[string]string{
	"connection": "for a connection",
	"lock":       "for a lock",
	"receiver":   "to send on a channel",
	"sender":     "to receive from a channel",
	"answer":     "for another system's answer",
}

// aConnection names a connection of the pool: "a database connection".
func aConnection(f breakdown.Facts) string {
	if b := stuckBucket(f); b != breakdown.Unknown {
		article := "a "
		if strings.ContainsAny(b.Info().Noun[:1], "aeiou") {
			article = "an "
		}
		return article + b.Info().Noun + " connection"
	}
	return "a connection"
}

// stuckAt says where requests stand still, and how many at each place.
func stuckAt(f breakdown.Facts) (lines []string) {
	var places []string
	for _, at := range f.All(breakdown.FactStuckAt) {
		what := count(int64(at.Value))
		if len(places) == 0 {
			what = counted(int64(at.Value), "waits", "wait")
		}
		places = append(places, what+" at "+spot(at.Frame()))
	}
	if len(places) > 0 {
		text := list(places)
		if whole := int64(f.Number(breakdown.FactStuckWhole)); whole > 0 {
			text += fmt.Sprintf("; %s for the whole window, and no such wait ended", count(whole))
		}
		lines = append(lines, text)
	}
	if f.Name(breakdown.FactStuck) == "lock" && !f.Has(breakdown.FactParty) {
		lines = append(lines, "no goroutine that may hold it is at work: it may have been kept on a way out")
	}
	if n := int64(f.Number(breakdown.FactUnanswered)); n > 0 {
		lines = append(lines, fmt.Sprintf("none of %s was answered, after up to %s", counted(n, "probe", "probes"), threeDigits(f.Time(breakdown.FactUnansweredFor))))
	}
	return lines
}

// parties says who keeps requests waiting and waits as well.
func parties(f breakdown.Facts) (list []string) {
	holds := f.All(breakdown.FactPartyHolds)
	for i, p := range f.All(breakdown.FactParty) {
		text := fmt.Sprintf("%s at %s %s", counted(int64(p.Value), "goroutine waits", "goroutines wait"), spot(p.Frame()), partyWaits(p))
		if i < len(holds) {
			text += fmt.Sprintf(" and %s what was taken at %s", verb(p.Value, "holds", "hold"), spot(holds[i].Frame()))
		}
		list = append(list, text)
	}
	for _, p := range f.All(breakdown.FactBeside) {
		list = append(list, fmt.Sprintf("beside them, %s at %s %s", counted(int64(p.Value), "goroutine waits", "goroutines wait"), spot(p.Frame()), partyWaits(p)))
	}
	return list
}

// partyWaits says what a party waits for.
func partyWaits(p breakdown.Fact) string {
	return cmp.Or(waitsFor[p.Name], "in "+busyIn(p.Name))
}

// grown says what goroutines that pile up wait for, and how fast they grow.
func grown(f breakdown.Facts) (list []string) {
	if at, ok := f.Of(breakdown.FactGrownAt); ok {
		list = append(list, fmt.Sprintf("%s at %s (%s)", counted(int64(at.Value), "waits", "wait"), spot(at.Frame()), clean(at.Name)))
	}
	text := "none of those started there ended"
	if ended := int64(f.Number(breakdown.FactGrownEnded)); ended > 0 {
		text = fmt.Sprintf("of %s started there %s ended", count(int64(f.Number(breakdown.FactGrownStarted))), count(ended))
	}
	if n := int64(f.Number(breakdown.FactGrownRequests)); n > 0 {
		text += fmt.Sprintf(", while %s completed", counted(n, "request", "requests"))
	}
	list = append(list, text)
	if before := int64(f.Number(breakdown.FactGoroutinesBefore)); before > 0 {
		list = append(list, fmt.Sprintf("the process had %s before the window and %s after it", counted(before, "goroutine", "goroutines"), count(int64(f.Number(breakdown.FactGoroutinesAfter)))))
	}
	return list
}

// standstill returns the answer's last sentences if requests stand still, "" if that is
// not the conclusion.
func standstill(b *breakdown.Breakdown) string {
	f := finding(b, b.Conclusion.Cause)
	if f == nil || !f.Facts.Has(breakdown.FactStuck) {
		return ""
	}
	facts := f.Facts
	text := fmt.Sprintf("%s stand still: they have been waiting for %s and more %s", counted(int64(facts.Number(breakdown.FactStuck)), "request", "requests"),
		threeDigits(facts.Time(breakdown.FactStuckFor)), stuckOn(facts))
	if at, ok := facts.Of(breakdown.FactStuckAt); ok {
		text += ", most of them at " + spot(at.Frame())
	}
	text += "."
	if kept := keptBy(f); kept != "" {
		text += " " + kept
	}
	return text
}

// keptBy says why what requests stand still for does not come, "" if that is not known.
func keptBy(f *breakdown.Finding) string {
	if f.ID == "connection-leak" {
		return "Connections are taken and never given back."
	}
	p, ok := f.Facts.Of(breakdown.FactParty)
	if !ok {
		return ""
	}
	at, what := spot(p.Frame()), f.Facts.Name(breakdown.FactStuck)
	if f.ID == "deadlock" && f.Facts.Has(breakdown.FactPartyHolds) && what == p.Name {
		return fmt.Sprintf("%s of them, at %s, %s one and %s for another one: a deadlock.", count(int64(p.Value)), at, verb(p.Value, "holds", "hold"), verb(p.Value, "waits", "wait"))
	}
	text := fmt.Sprintf("They are kept waiting by %s at %s that %s %s", counted(int64(p.Value), "goroutine", "goroutines"), at, verb(p.Value, "waits", "wait"), partyWaits(p))
	if f.ID == "deadlock" {
		text += ": a deadlock"
	}
	return text + "."
}

// verb returns the form of a verb for a number of subjects.
func verb(n float64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// finding returns the finding with an ID, nil if there is none.
func finding(b *breakdown.Breakdown, id string) *breakdown.Finding {
	for i := range b.Findings {
		if id != "" && b.Findings[i].ID == id {
			return &b.Findings[i]
		}
	}
	return nil
}

package report

import (
	"cmp"
	"fmt"

	"timesink/analyze/breakdown"
)

// crowdingWordings words the findings about another system that has too much to do.
var crowdingWordings = map[string]findingWording{
	"saturated-side": {
		title: func(f breakdown.Facts) string {
			return askedBy(f) + "s take longer the more of them are in flight: " + otherSideOf(f) + " is saturated"
		},
		evidence: func(f breakdown.Facts) []string {
			list := []string{inFlight(f) + " at " + spot(f.Frame(breakdown.FactSite))}
			if pooled := f.Time(breakdown.FactPooled); pooled > 0 {
				list = append(list, threeDigits(pooled)+" per request in the pool: a larger one would only move that to the other side")
			}
			return list
		},
	},
	"behind-long-calls": {
		title: func(f breakdown.Facts) string {
			return askedBy(f) + "s wait behind longer ones, which " + function(f.Frame(breakdown.FactBehindCall).Function) + " sends"
		},
		evidence: func(f breakdown.Facts) []string {
			long, _ := f.Of(breakdown.FactBehindCall)
			return []string{
				fmt.Sprintf("%s each at %s", threeDigits(int64(long.Value)), spot(long.Frame())),
				fmt.Sprintf("meanwhile %s at %s, otherwise %s", threeDigits(f.Time(breakdown.FactBehindEach)), spot(f.Frame(breakdown.FactSite)), threeDigits(f.Time(breakdown.FactAloneEach))),
			}
		},
	},
}

// inFlight says how long a call takes with few and with many in flight.
func inFlight(f breakdown.Facts) string {
	return fmt.Sprintf("%s with %.1f in flight, %s with %.1f", threeDigits(f.Time(breakdown.FactFewEach)), f.Number(breakdown.FactFew),
		threeDigits(f.Time(breakdown.FactManyEach)), f.Number(breakdown.FactMany))
}

// askedBy says what is sent to the system that a cause is about: "statement".
func askedBy(f breakdown.Facts) string {
	switch cmp.Or(f.Name(breakdown.FactBucket), f.Name(breakdown.FactOtherSide)) {
	case breakdown.Cache.String():
		return "command"
	case breakdown.Upstream.String(), breakdown.Queue.String():
		return "call"
	}
	return "statement"
}

// otherSideOf names the system that a cause is about.
func otherSideOf(f breakdown.Facts) string {
	return theSystem(cmp.Or(f.Name(breakdown.FactBucket), breakdown.DB.String()))
}

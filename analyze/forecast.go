package analyze

import (
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/replay"
)

// Findings' savings are predictions where the replay can make the change that they propose.
// Otherwise they are the time that the cause accounts for, all else unchanged.

// mostRecorded is how many bytes of requests are kept for the findings' savings at most.
// A few thousand requests are enough, and replaying more would delay the answer: these take
// a tenth of a second.
const mostRecorded = 3_000_000

// forecasting returns what keeps requests for the findings' savings.
func (o *Options) forecasting() *recording { return &recording{memory: min(o.Memory/16, mostRecorded)} }

// mostOff is the share of the mean by which the replay without a change may differ from
// what was recorded for its predictions to be used.
const mostOff = 0.05

// forecast replays what the causes that are shown propose, and takes their savings from it.
func (a *answer) forecast(b *breakdown.Breakdown) {
	if !a.opts.Forecasts {
		return
	}
	for i := range b.Causes {
		if b.Causes[i].Shown && b.Causes[i].Saves > 0 {
			b.Causes[i].SavesBy = breakdown.ByArithmetic
		}
	}
	var rec *replay.Recording
	var all []replay.Change
	for i := range b.Causes {
		x := &b.Causes[i]
		propose := proposals[x.ID]
		if x.SavesBy == "" || propose == nil {
			continue
		}
		if rec == nil {
			if rec = a.opts.record.recording(b); rec == nil {
				return
			}
		}
		changes := propose(x, rec)
		p := predicted(rec, changes)
		if p == nil || !foreseen(b, x, p) {
			continue
		}
		for _, c := range changes {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	if len(all) > 1 {
		b.Together = allTogether(b, predicted(rec, all))
	}
	b.Findings = diagnosis.Findings(b.Causes)
}

// predicted returns what changes bring, nil if the replay cannot make them, or does not
// give back what was recorded.
func predicted(rec *replay.Recording, changes []replay.Change) *breakdown.Prediction {
	if len(changes) == 0 {
		return nil
	}
	p, err := rec.Predict(replay.Options{Changes: changes})
	if err != nil || slices.ContainsFunc(p.Unknown, func(a breakdown.Assumption) bool { return a.Code == breakdown.UnknownQueue }) {
		return nil
	}
	return p
}

// foreseen takes a cause's saving from a prediction: the mean over the complete requests of
// its endpoints. It returns false if the prediction says nothing about one of them, or is
// not to be trusted.
func foreseen(b *breakdown.Breakdown, x *breakdown.Explanation, p *breakdown.Prediction) bool {
	var first *breakdown.Forecast
	saved, requests := 0.0, int64(0)
	forecasts := p.Forecasts()
	for _, name := range x.Endpoints {
		k := slices.IndexFunc(p.Endpoints, func(e breakdown.EndpointPredicted) bool { return e.Name == name })
		i := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == name && e.Requests > 0 })
		if k < 0 || i < 0 || !reproduced(&p.Endpoints[k]) {
			return false
		}
		if first == nil {
			first = &forecasts[k]
			first.Finding = x.ID
		}
		e := &b.Endpoints[i]
		saved, requests = saved-forecasts[k].Mean.Share()*float64(e.Wall.Total), requests+e.Requests
	}
	if first == nil || requests == 0 {
		return false
	}
	x.Saves, x.SavesBy, x.Forecast = max(0, int64(math.Round(saved/float64(requests)))), breakdown.ByReplay, first
	return true
}

// reproduced reports whether the replay without a change gives back what was recorded.
func reproduced(e *breakdown.EndpointPredicted) bool {
	return math.Abs(float64(e.Replayed.Mean-e.Before.Mean)) <= mostOff*float64(e.Before.Mean)
}

// allTogether returns what a prediction says of the endpoint with the most request time, nil if
// that is nothing, or not to be trusted.
func allTogether(b *breakdown.Breakdown, p *breakdown.Prediction) *breakdown.Forecast {
	busiest := b.Busiest()
	if p == nil || busiest == nil {
		return nil
	}
	for i, f := range p.Forecasts() {
		if f.Endpoint == busiest.Name && f.Kind == busiest.Kind && reproduced(&p.Endpoints[i]) {
			return &f
		}
	}
	return nil
}

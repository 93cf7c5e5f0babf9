package analyze

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
)

// What had been predicted, beside what came. Nobody says which changes were made: a change
// seems to have been made if what it is about has become more like what the change makes of
// it than like what it was.

// A madeChange says how to see that a kind of change was made: the quantity that shows it,
// and what the change makes of it, given the one before.
type madeChange struct {
	what string
	of   func(s *signSide, c *breakdown.PlannedChange) float64
	to   func(before float64, c *breakdown.PlannedChange) float64
}

// madeChanges are the kinds of changes, by their names in a PlannedChange.
var madeChanges = map[string]madeChange{
	"scale":             {breakdown.SignTime, (*signSide).time, func(b float64, c *breakdown.PlannedChange) float64 { return b * c.Factor }},
	"concurrent":        {breakdown.SignInFlight, (*signSide).inFlight, func(b float64, _ *breakdown.PlannedChange) float64 { return 2 * b }},
	"once":              {breakdown.SignCalls, (*signSide).calls, func(float64, *breakdown.PlannedChange) float64 { return 1 }},
	"reuse-connections": {breakdown.SignDialed, (*signSide).dialed, none},
	"pool":              {breakdown.SignPoolWait, (*signSide).poolWait, none},
	"workers":           {breakdown.SignWait, (*signSide).wait, none},
	"no-lock":           {breakdown.SignLock, (*signSide).lock, none},
	"procs":             {breakdown.SignProcessors, (*signSide).processors, func(_ float64, c *breakdown.PlannedChange) float64 { return float64(c.Number) }},
	"rate":              {breakdown.SignRate, (*signSide).rate, func(b float64, c *breakdown.PlannedChange) float64 { return b * c.Factor }},
}

func none(float64, *breakdown.PlannedChange) float64 { return 0 }

// outcomes returns the predictions for changes that seem to have been made, those of several
// changes first.
func outcomes(c *breakdown.Comparison, before, after *breakdown.Breakdown, all []pair, doubts comparability, kept []breakdown.Forecast) []breakdown.Outcome {
	var list []breakdown.Outcome
	for _, f := range forecastsOf(before, kept) {
		i := slices.IndexFunc(all, func(p pair) bool { return p.before != nil && p.before.Name == f.Endpoint && p.before.Kind == f.Kind })
		if i < 0 || all[i].after == nil || len(c.Endpoints[i].Wall) == 0 {
			continue
		}
		was, is := signSide{e: all[i].before, b: before, side: &c.Before}, signSide{e: all[i].after, b: after, side: &c.After}
		signs := signsOf(&was, &is, f.Changes)
		if signs == nil {
			continue
		}
		mean := &c.Endpoints[i].Wall[0]
		o := breakdown.Outcome{Forecast: f, Signs: signs, Measured: mean.Delta, MeasuredLow: mean.Low, MeasuredHigh: mean.High, OtherLoad: doubts.otherLoad}
		scaled := func(ns int64) int64 {
			return int64(math.Round(float64(ns-f.Mean.Before) / float64(max(1, f.Mean.Before)) * float64(mean.Before)))
		}
		o.Predicted, o.PredictedLow, o.PredictedHigh = scaled(f.Mean.After), scaled(f.Mean.AfterCI[0]), scaled(f.Mean.AfterCI[1])
		if f.Mean.Limited != nil {
			limited := scaled(*f.Mean.Limited)
			o.Limited = &limited
		}
		o.Quantities = sideBySide(&c.Endpoints[i], &f)
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b breakdown.Outcome) int { return len(b.Forecast.Changes) - len(a.Forecast.Changes) })
	return withoutParts(list)
}

// sideBySide returns the quantities that a forecast is about.
func sideBySide(e *breakdown.EndpointChange, f *breakdown.Forecast) (list []breakdown.OutcomeQuantity) {
	for name, of := range map[string]*breakdown.Forecasted{"mean": &f.Mean, "p50": &f.P50, "p95": &f.P95} {
		for i := range e.Wall {
			if w := &e.Wall[i]; w.Quantity == name {
				list = append(list, breakdown.OutcomeQuantity{Quantity: name, Before: w.Before, Predicted: max(0, w.Before+int64(math.Round(of.Share()*float64(w.Before)))), Measured: w.After})
			}
		}
	}
	slices.SortFunc(list, func(a, b breakdown.OutcomeQuantity) int { return strings.Compare(a.Quantity, b.Quantity) })
	return list
}

// forecastsOf returns the predictions kept with the captures before, and those just made
// from them, each once. An earlier version may have predicted something else.
func forecastsOf(before *breakdown.Breakdown, kept []breakdown.Forecast) []breakdown.Forecast {
	list := slices.Clone(kept)
	if before.Together != nil {
		list = append(list, *before.Together)
	}
	for i := range before.Causes {
		if f := before.Causes[i].Forecast; f != nil {
			list = append(list, *f)
		}
	}
	var out []breakdown.Forecast
	for i := range list {
		f := &list[i]
		if len(f.Changes) > 0 && !slices.ContainsFunc(out, func(o breakdown.Forecast) bool { return o.Same(f) }) {
			out = append(out, *f)
		}
	}
	return out
}

// withoutParts leaves out predictions that one of more changes to the same endpoint holds,
// and counts the others for each endpoint.
func withoutParts(list []breakdown.Outcome) []breakdown.Outcome {
	var out []breakdown.Outcome
	for i := range list {
		f := &list[i].Forecast
		part := slices.ContainsFunc(out, func(o breakdown.Outcome) bool {
			return o.Forecast.Endpoint == f.Endpoint && o.Forecast.Kind == f.Kind && len(o.Forecast.Changes) > len(f.Changes) &&
				!slices.ContainsFunc(f.Changes, func(c breakdown.PlannedChange) bool { return !slices.Contains(o.Forecast.Changes, c) })
		})
		if !part {
			out = append(out, list[i])
		}
	}
	for i := range out {
		for k := range out {
			if a, b := &out[i].Forecast, &out[k].Forecast; i != k && a.Endpoint == b.Endpoint && a.Kind == b.Kind {
				out[i].Others++
			}
		}
	}
	return out
}

// signsOf returns what shows that changes were made, nil unless all of them were.
func signsOf(was, is *signSide, changes []breakdown.PlannedChange) []breakdown.Sign {
	var signs []breakdown.Sign
	for i := range changes {
		c := &changes[i]
		was.in = was.buckets(c.At)
		is.in = was.in // the sites may have other names
		m, ok := madeChanges[c.Change]
		if !ok {
			return nil
		}
		s := breakdown.Sign{Change: c.Change, What: m.what, At: c.At, Before: m.of(was, c), After: m.of(is, c)}
		if to := m.to(s.Before, c); to == s.Before || math.Abs(s.After-to) >= math.Abs(s.After-s.Before) {
			return nil
		}
		s.Before, s.After = round(s.Before, 1000), round(s.After, 1000)
		signs = append(signs, s)
	}
	return signs
}

// A signSide is one side of an endpoint.
type signSide struct {
	e    *breakdown.Endpoint
	b    *breakdown.Breakdown
	side *breakdown.Side
	in   []breakdown.Bucket // those of other systems that the change is about
}

// placed calls f for each site that a change is about. If none is named, it is all of them.
func (s *signSide) placed(at string, f func(t *breakdown.BucketTime, site *breakdown.SiteTime)) {
	for i := range s.e.Buckets {
		t := &s.e.Buckets[i]
		for k := range t.Sites {
			if at == "" || at == t.Bucket.String() || isAt(&t.Sites[k].Frame, at) {
				f(t, &t.Sites[k])
			}
		}
	}
}

// isAt reports whether a frame is the place that a change names: a function, or a line.
func isAt(f *breakdown.Frame, at string) bool {
	if f.Function == at || strings.HasSuffix(f.Function, "/"+at) || strings.HasSuffix(f.Function, "."+at) {
		return true
	}
	i := strings.LastIndexByte(at, ':')
	return i > 0 && at[i+1:] == strconv.Itoa(f.Line) && path.Base(at[:i]) == path.Base(f.File)
}

// buckets returns the buckets of other systems that a change is about: that it names, or
// that have its sites. If there are none, it is all of them.
func (s *signSide) buckets(at string) (list []breakdown.Bucket) {
	s.placed(at, func(t *breakdown.BucketTime, _ *breakdown.SiteTime) {
		if t.Bucket.External() && !slices.Contains(list, t.Bucket) {
			list = append(list, t.Bucket)
		}
	})
	if list == nil {
		return breakdown.BucketsOf(breakdown.External)
	}
	return list
}

func (s *signSide) time(c *breakdown.PlannedChange) (ns float64) {
	s.placed(c.At, func(_ *breakdown.BucketTime, site *breakdown.SiteTime) { ns += float64(site.Mean) })
	return ns
}

func (s *signSide) calls(c *breakdown.PlannedChange) (n float64) {
	found := false
	s.placed(c.At, func(t *breakdown.BucketTime, site *breakdown.SiteTime) {
		if t.Bucket.External() {
			n, found = n+site.CallsPerRequest, true
		}
	})
	if !found {
		for _, b := range s.in {
			n += s.e.Buckets[b].CallsPerRequest
		}
	}
	return n
}

// inFlight returns how many calls are in flight, for as long as requests wait for any.
func (s *signSide) inFlight(*breakdown.PlannedChange) float64 {
	calls, path := int64(0), int64(0)
	for _, b := range s.in {
		t := &s.e.Buckets[b]
		calls, path = calls+t.CallTime, path+t.Total
	}
	return float64(calls) / float64(max(1, path))
}

func (s *signSide) dialed(*breakdown.PlannedChange) float64 {
	dials, calls := int64(0), int64(0)
	for _, b := range s.in {
		t := &s.e.Buckets[b]
		dials, calls = dials+t.Dials, calls+t.Calls
	}
	return float64(dials) / float64(max(1, calls))
}

func (s *signSide) poolWait(*breakdown.PlannedChange) (ns float64) {
	for _, b := range s.in {
		t := &s.e.Buckets[b]
		for i := range t.Phases {
			if t.Phases[i].Phase == breakdown.PoolWait {
				ns += float64(t.Phases[i].Mean)
			}
		}
	}
	return ns
}

func (s *signSide) wait(*breakdown.PlannedChange) float64 {
	return float64(s.e.Buckets[breakdown.Wait].Mean)
}

func (s *signSide) lock(*breakdown.PlannedChange) float64 {
	return float64(s.e.Buckets[breakdown.Lock].Mean)
}

func (s *signSide) processors(*breakdown.PlannedChange) float64 {
	return float64(s.b.Source.GOMAXPROCS)
}

func (s *signSide) rate(*breakdown.PlannedChange) float64 { return s.side.Rate }

package analyze

import (
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// The defaults of ABOptions.
const (
	DefaultABAlpha  = 0.02
	DefaultABMargin = 0.05
)

// ABOptions configure an AB. The zero value is ready to use.
type ABOptions struct {
	Alpha  float64 // the probability of a wrong verdict; DefaultABAlpha if it is 0
	Margin float64 // DefaultABMargin if it is 0
	// Quantities are of the wall time: "mean", "p50", "p95", "p99". By default they are
	// the mean and the p95.
	Quantities []string
	// Endpoint is a route, a function, or the end of a function's name. By default it is
	// the one with the most request time in the first pair.
	Endpoint string
	// Recorded says that the captures were taken before, by whomever: whether they were taken
	// in turn is then looked at.
	Recorded bool
}

// An AB compares two builds by pairs of captures, one of each build, until the verdict is
// clear. It may be looked at after every pair: the probability of a wrong verdict holds
// for all looks together (see signTest).
type AB struct {
	o          ABOptions
	quantities []quantity
	before     series
	after      series
	endpoint   *breakdown.Endpoint // as in the first pair
	pairs      [][]pairOf          // by quantity
}

// A series is one side: its captures so far.
type series struct {
	side     breakdown.Side
	captures []breakdown.Capture
	wall     int64
}

// A pairOf is one quantity in both captures of a pair, in ns.
type pairOf struct{ before, after float64 }

// NewAB returns an AB without pairs.
func NewAB(o ABOptions) *AB {
	if o.Alpha == 0 {
		o.Alpha = DefaultABAlpha
	}
	if o.Margin == 0 {
		o.Margin = DefaultABMargin
	}
	if len(o.Quantities) == 0 {
		o.Quantities = []string{"mean", "p95"}
	}
	a := &AB{o: o}
	for _, q := range wallQuantities {
		if slices.Contains(o.Quantities, q.name) {
			a.quantities = append(a.quantities, q)
		}
	}
	a.pairs = make([][]pairOf, len(a.quantities))
	return a
}

// ABQuantities are the names of the quantities that an AB can compare.
func ABQuantities() (names []string) {
	for _, q := range wallQuantities {
		names = append(names, q.name)
	}
	return names
}

// Add adds a pair: one capture of each build, analyzed with Options.Series. It reports
// whether both have requests to the endpoint; a pair without counts for nothing.
func (a *AB) Add(before, after *breakdown.Breakdown) bool {
	p, ok := a.find(before, after)
	if !ok {
		return false
	}
	a.before.add(before)
	a.after.add(after)
	x, y := joined(seriesOf(p.before)), joined(seriesOf(p.after))
	for i, q := range a.quantities {
		a.pairs[i] = append(a.pairs[i], pairOf{x.value(q, nil), y.value(q, nil)})
	}
	return true
}

// find returns the endpoint in both captures.
func (a *AB) find(before, after *breakdown.Breakdown) (pair, bool) {
	for _, p := range pairs(before, after) {
		switch {
		case p.before == nil || p.after == nil || p.before.Series[0] == nil || p.after.Series[0] == nil:
		case a.endpoint == nil && a.o.Endpoint != "" && !p.after.Is(a.o.Endpoint):
		case a.endpoint != nil && (p.after.Name != a.endpoint.Name || kind(p.after) != kind(a.endpoint)):
		default:
			if a.endpoint == nil {
				a.endpoint = p.after
			}
			return p, true
		}
	}
	return pair{}, false
}

func (s *series) add(b *breakdown.Breakdown) {
	if len(s.captures) == 0 {
		s.side.Source = b.Source
	}
	s.captures = append(s.captures, b.Captures...)
	one := side(b)
	s.side.Captures++
	s.side.Requests += one.Requests
	for i := range b.Endpoints {
		s.wall += b.Endpoints[i].Wall.Total
	}
	covered := int64(0)
	for _, c := range s.captures {
		covered += c.Covered
	}
	if covered > 0 {
		s.side.Rate = round(float64(s.side.Requests)/(float64(covered)/1e9), 1000)
		s.side.Concurrency = round(float64(s.wall)/float64(covered), 1000)
	}
	s.side.OffCore = offCore(s.captures)
}

// Result returns what the pairs so far say.
func (a *AB) Result() *breakdown.AB {
	out := &breakdown.AB{Schema: breakdown.ABSchema, Before: a.before.side, After: a.after.side, Alpha: a.o.Alpha, Margin: a.o.Margin,
		Recorded: a.o.Recorded, Quantities: []breakdown.ABQuantity{}, Disturbances: []breakdown.Disturbance{}, Warnings: []breakdown.Warning{}}
	if a.endpoint != nil {
		out.Endpoint, out.Route, out.Pairs = a.endpoint.Name, a.endpoint.Route, len(a.pairs[0])
	}
	for i, q := range a.quantities {
		out.Quantities = append(out.Quantities, a.quantity(q, a.pairs[i]))
	}
	out.Verdict = overall(out.Quantities)
	a.doubt(out)
	return out
}

// doubt withholds a verdict that the loads explain, and names what else differs.
func (a *AB) doubt(out *breakdown.AB) {
	w := warnings{list: []breakdown.Warning{}}
	b, f := &a.before.side, &a.after.side
	if loadsApart(b, f) {
		w.add("other-load", breakdown.Doubt{Before: b.Rate, After: f.Rate})
		out.Disturbances = append(out.Disturbances, breakdown.Disturbance{What: breakdown.OtherLoad})
		out.Verdict = breakdown.Undecided
	}
	if a.o.Recorded && !inTurn(a.before.captures, a.after.captures) {
		w.add("one-after-another", breakdown.Doubt{})
		out.Verdict = breakdown.Undecided
	}
	if neighborsDiffer(a.before.captures, a.after.captures) {
		w.add("other-neighbors", breakdown.Doubt{Before: *b.OffCore, After: *f.OffCore})
		out.Disturbances = append(out.Disturbances, breakdown.Disturbance{What: breakdown.OtherPrograms})
	}
	if x, y := b.Source.GoVersion, f.Source.GoVersion; x != y && x != "" && y != "" {
		w.add("other-go", breakdown.Doubt{GoBefore: x, GoAfter: y})
		out.Disturbances = append(out.Disturbances, breakdown.Disturbance{What: breakdown.OtherGo})
	}
	out.Warnings = w.list
}

// overall returns the verdict about all quantities: slower if any is, and faster or
// equivalent only if none can be slower by more than the margin.
func overall(of []breakdown.ABQuantity) breakdown.Verdict {
	verdict := breakdown.Equivalent
	for i := range of {
		switch of[i].Verdict {
		case breakdown.Slower:
			return breakdown.Slower
		case breakdown.Undecided:
			verdict = breakdown.Undecided
		case breakdown.Faster:
			if verdict == breakdown.Equivalent {
				verdict = breakdown.Faster
			}
		}
	}
	if len(of) == 0 {
		return breakdown.Undecided
	}
	return verdict
}

// quantity judges one quantity. The differences are of logarithms: what slows a machine
// down does so by a factor.
func (a *AB) quantity(q quantity, pairs []pairOf) breakdown.ABQuantity {
	out := breakdown.ABQuantity{Quantity: q.name, Verdict: breakdown.Undecided}
	var before, after, diffs []float64
	for _, p := range pairs {
		before, after = append(before, p.before), append(after, p.after)
		if p.before > 0 && p.after > 0 {
			diffs = append(diffs, math.Log(p.after/p.before))
		}
	}
	if len(diffs) == 0 {
		return out
	}
	center := medianOf(diffs)
	out.Before, out.After = int64(medianOf(before)), int64(medianOf(after))
	out.Relative = round(math.Expm1(center), 1e6)
	out.Spread = round(spreadOf(before, after), 1e6)
	apart := make([]float64, len(diffs))
	for i, d := range diffs {
		apart[i] = math.Abs(d - center)
	}
	out.Floor = round(math.Expm1(medianOf(apart)), 1e6)
	test := a.test(diffs)
	out.Verdict = a.verdict(test, center)
	if out.Verdict == breakdown.Undecided {
		out.Needs = test.needs(a.margin())
	}
	low, high := test.interval(center)
	out.Low, out.High = bound(low), bound(high)
	return out
}

func (a *AB) test(diffs []float64) signTest {
	return signTest{diffs, -math.Log(a.o.Alpha / float64(len(a.quantities)))}
}

func (a *AB) margin() float64 { return math.Log1p(a.o.Margin) }

// verdict judges differences with a center. A candidate that may be faster, and is not
// slower by more than the margin, is equivalent: that is decided first.
func (a *AB) verdict(test signTest, center float64) breakdown.Verdict {
	changed, within := test.rejects(0), center < a.margin() && test.rejects(a.margin())
	switch {
	case changed && center < 0:
		return breakdown.Faster
	case within:
		return breakdown.Equivalent
	case changed:
		return breakdown.Slower
	}
	return breakdown.Undecided
}

// bound returns a bound of a difference of logarithms as a relative difference, nil if it
// is infinite.
func bound(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	relative := round(math.Expm1(x), 1e6)
	return &relative
}

// spreadOf returns the standard deviation between captures of one build, relative to their
// mean, over both builds.
func spreadOf(sides ...[]float64) float64 {
	squares, freedom := 0.0, 0
	for _, xs := range sides {
		sum := 0.0
		for _, x := range xs {
			sum += x
		}
		mean := sum / float64(len(xs))
		for _, x := range xs {
			squares += (x/mean - 1) * (x/mean - 1)
		}
		freedom += len(xs) - 1
	}
	return math.Sqrt(squares / float64(max(freedom, 1)))
}

func medianOf(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

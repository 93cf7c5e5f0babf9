package diagnosis

import (
	"math"

	"timesink/analyze/breakdown"
)

// A saturated system and one that is slow by itself look alike in the mean. What tells
// them apart is how long calls take with few and with many of them in flight, and while
// one from another place is.

// Crowding is how long the calls at one place take, by what else of the service's calls to
// that system is in flight when they are made.
type Crowding struct {
	Site      breakdown.Frame
	Each      int64 // all of them, in the mean, ns
	Few, Many Level // zero if the number in flight hardly varies
	// Behind is the other place whose calls they may wait for, nil if there is none.
	Behind *Behind
}

// A Level is calls with about as many in flight when they were made.
type Level struct {
	InFlight    float64 // in the mean, themselves included
	Each, Error int64   // the mean and its standard error, ns
}

// Behind is how long calls take while one at another place is in flight, and otherwise.
type Behind struct {
	Site          breakdown.Frame
	Each          int64 // how long one of those takes, ns
	With, Without Level
	Share         float64 // of the calls' time, what they take longer
}

// What it takes to tell: by how much the number in flight varies at least, and by how much
// longer calls take. A system that has no more to give takes twice as long for twice as
// many: the exponent is 1, or less where the number changes while calls are under way. One
// whose calls do not wait for each other has 0.
const (
	variesBy  = 1.5
	saturated = 0.3
	steady    = 0.15
	sureBy    = 4 // standard errors
	blocked   = 3 // times as long, behind others
)

// exponent returns the power of the number in flight with which calls take longer.
func (c *Crowding) exponent() float64 {
	return math.Log(float64(c.Many.Each)/float64(c.Few.Each)) / math.Log(c.Many.InFlight/c.Few.InFlight)
}

// alone returns how long a call would take with no other in flight, as far as the levels
// say.
func (c *Crowding) alone() int64 {
	return int64(float64(c.Few.Each) / math.Pow(c.Few.InFlight, min(c.exponent(), 1)))
}

// varies reports whether the number in flight varies enough to tell anything.
func (c *Crowding) varies() bool {
	return c != nil && c.Few.Each > 0 && c.Many.Each > 0 && c.Many.InFlight >= variesBy*c.Few.InFlight
}

// error returns the standard error of the difference between two levels.
func (l *Level) error(o *Level) float64 { return math.Hypot(float64(l.Error), float64(o.Error)) }

// grows reports whether calls take longer the more of them are in flight.
func (c *Crowding) grows() bool {
	return c.varies() && c.exponent() >= saturated && float64(c.Many.Each-c.Few.Each) >= sureBy*c.Few.error(&c.Many)
}

// isSteady reports whether calls take as long however many are in flight, as far as their
// number says.
func (c *Crowding) isSteady() bool {
	return c.varies() && c.exponent() < steady && sureBy*c.Few.error(&c.Many) < steady*float64(c.Few.Each)*math.Log(c.Many.InFlight/c.Few.InFlight)
}

// blocks reports whether the calls of the other place keep these waiting: they take several
// times as long meanwhile, and the others are long.
func (b *Behind) blocks() bool {
	return b != nil && b.With.Each >= blocked*b.Without.Each && b.Each >= 2*b.Without.Each &&
		float64(b.With.Each-b.Without.Each) >= sureBy*b.With.error(&b.Without)
}

// facts returns how long calls take with few and with many in flight.
func (c *Crowding) facts() breakdown.Facts {
	return breakdown.Facts{
		{Kind: breakdown.FactFew, Value: c.Few.InFlight}, {Kind: breakdown.FactFewEach, Value: float64(c.Few.Each)},
		{Kind: breakdown.FactMany, Value: c.Many.InFlight}, {Kind: breakdown.FactManyEach, Value: float64(c.Many.Each)},
	}
}

// mostlyLate reports whether a notable part of a bucket's time is because answers were
// noticed late: that, too, grows with the load.
func (s *subject) mostlyLate(b breakdown.Bucket) bool { return 5*s.Late[b] > s.Buckets[b].Mean }

// saturatedBehindPool returns a look for calls that take longer the more are in flight,
// where requests wait for a connection as well: more connections would make each slower.
func saturatedBehindPool(b breakdown.Bucket) look {
	return func(s *subject) *found {
		if c := s.pooled(b); c.ns > 0 && s.knownHolders(c) && !s.heldElsewhere(b) {
			return s.saturated(b, c)
		}
		return nil
	}
}

// saturatedSide returns a look for calls that take longer the more are in flight.
func saturatedSide(b breakdown.Bucket) look {
	return func(s *subject) *found {
		if s.pooled(b).ns > 0 {
			return nil
		}
		return s.saturated(b)
	}
}

// saturated returns the cause for time in another system that a call with no others beside
// it would not take, and for the claims.
func (s *subject) saturated(b breakdown.Bucket, more ...claim) *found {
	g := s.Crowding[b]
	if !g.grows() || g.Each <= g.Few.Each || s.mostlyLate(b) {
		return nil
	}
	c := s.asking(b, ratio(g.Each-g.alone(), g.Each))
	claims, ns := append(more, c), c.ns
	for _, m := range more {
		ns += m.ns
	}
	if !s.worth(ns) {
		return nil
	}
	f := s.crowded(b, g.Site, ns, claims)
	for _, m := range more {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactPooled, Value: float64(m.ns)})
	}
	f.facts = append(f.facts, g.facts()...)
	return f
}

// behindLongCalls returns a look for calls that wait in the other system behind longer ones
// from another place in the service.
func behindLongCalls(b breakdown.Bucket) look {
	return func(s *subject) *found {
		g := s.Crowding[b]
		if g == nil || !g.Behind.blocks() || s.mostlyLate(b) {
			return nil
		}
		c := s.asking(b, g.Behind.Share)
		if !s.worth(c.ns) {
			return nil
		}
		f := s.crowded(b, g.Site, c.ns, []claim{c})
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactBehindCall, Place: breakdown.Place(g.Behind.Site), Value: float64(g.Behind.Each)},
			breakdown.Fact{Kind: breakdown.FactBehindEach, Value: float64(g.Behind.With.Each)}, breakdown.Fact{Kind: breakdown.FactAloneEach, Value: float64(g.Behind.Without.Each)})
		return f
	}
}

// asking returns a claim on a share of what is left to explain of the time in which another
// system works.
func (s *subject) asking(b breakdown.Bucket, share float64) claim {
	c := s.claimed(b, breakdown.Asking)
	c.ns = int64(float64(s.available(c)) * min(share, 1))
	return c
}

func (s *subject) crowded(b breakdown.Bucket, site breakdown.Frame, ns int64, claims []claim) *found {
	f := &found{sure: breakdown.Likely, claims: claims, saves: -1, key: b.String() + " " + site.Function,
		facts: append(breakdown.Facts{spent(ns), {Kind: breakdown.FactBucket, Name: b.String()}}, at(site)...)}
	for _, name := range s.Buckets[b].Systems {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: name})
	}
	return f
}

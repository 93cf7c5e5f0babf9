package analyze

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// How instances differ: what each contributes, the range of every mean, which are odd and
// where, and groups of instances by label.

// SpreadAlpha is the probability that any instance is called odd by chance, in all
// endpoints and buckets together. LeastSpread is the smallest difference worth naming, as
// a share of the other instances' mean wall time.
const (
	SpreadAlpha = 0.01
	LeastSpread = 0.05
)

// instanceOf describes a capture as an instance. It has no requests yet.
func instanceOf(c *capture.Capture, sum *timeline.Summary, period int64) breakdown.Instance {
	in := breakdown.Instance{Labels: []breakdown.Label{}, Covered: sum.Covered, GOMAXPROCS: sum.GOMAXPROCS,
		GoVersion: capture.WrittenBy(fmt.Sprintf("go 1.%d", sum.Version)).String()}
	if m := c.Manifest(); m != nil {
		in.Target, in.BuildID = m.Target, m.Service.BuildID
		in.Name = cmp.Or(m.Instance, hostOf(m.Target))
		in.GoVersion = cmp.Or(m.Service.GoVersion, in.GoVersion)
		for _, l := range m.Labels {
			in.Labels = append(in.Labels, breakdown.Label(l))
		}
	}
	of := captureOf(c, sum, period)
	in.CapturedAt, in.OffCore = of.At, offCore([]breakdown.Capture{of})
	if sum.Covered > 0 {
		in.Saturated = share(sum.Saturated, sum.Covered)
	}
	return in
}

// addInstance adds what a window says of its instance, which later windows of one capture have
// in common with the first.
func (a *answer) addInstance(in breakdown.Instance, later bool) {
	if n := len(a.instances); later && n > 0 {
		first := &a.instances[n-1]
		all := first.Covered + in.Covered
		first.Saturated = (first.Saturated*float64(first.Covered) + in.Saturated*float64(in.Covered)) / float64(max(all, 1))
		first.Covered = all
	} else {
		a.instances = append(a.instances, in)
	}
	a.instanceOf = append(a.instanceOf, len(a.instances)-1)
}

// hostOf returns the host and port of a target, which may be a socket.
func hostOf(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.Host
	}
	return target
}

// named gives the instances names that are unique: those without one are numbered, and so
// are those of the same name.
func named(list []breakdown.Instance) {
	used := map[string]bool{}
	for i := range list {
		in := &list[i]
		if in.Name == "" {
			in.Name = "instance " + strconv.Itoa(i+1)
		}
		stem := in.Name
		for n := 2; used[in.Name]; n++ {
			in.Name = fmt.Sprintf("%s (%d)", stem, n)
		}
		used[in.Name] = true
	}
}

// A spreader compares the instances of an answer.
type spreader struct {
	b         *breakdown.Breakdown
	instances []breakdown.Instance
	samplings []sampling
	of        []int // the instance of each of the samplings
	endpoints []spreadEndpoint
}

// A spreadEndpoint is an endpoint with the parts of its instances, by their index; nil
// for those without requests.
type spreadEndpoint struct {
	of     *breakdown.Endpoint
	sums   *endpoint
	parts  []*part
	tested []int // the instances that have enough requests
}

// compareInstances sets what the answer says about its instances.
func compareInstances(b *breakdown.Breakdown, s *settled, instances []breakdown.Instance, samplings []sampling, of []int) {
	named(instances)
	sp := &spreader{b: b, instances: instances, samplings: samplings, of: of}
	for i := range b.Endpoints {
		sp.addEndpoint(&b.Endpoints[i], s.of(&b.Endpoints[i]))
	}
	sp.sumInstances(s.captures)
	b.Instances = instances
	b.Spread = &breakdown.Spread{Alpha: SpreadAlpha, Least: LeastSpread, Endpoints: []breakdown.EndpointSpread{}, Groups: []breakdown.Group{}}
	for i := range sp.endpoints {
		b.Spread.Endpoints = append(b.Spread.Endpoints, sp.endpoints[i].spread())
	}
	b.Odd = sp.odd()
	b.Spread.Groups = append(b.Spread.Groups, sp.groups()...)
}

// addEndpoint adds an endpoint that at least two instances serve.
func (sp *spreader) addEndpoint(of *breakdown.Endpoint, sums *endpoint) {
	if sums == nil || sums.partless || len(sums.contributed) < 2 {
		return
	}
	e := spreadEndpoint{of: of, sums: sums, parts: make([]*part, len(sp.instances))}
	for i, p := range sums.contributed {
		e.parts[i] = p
	}
	for i, p := range e.parts {
		if p != nil && !p.few() && !of.Lasts() {
			e.tested = append(e.tested, i)
		}
	}
	sp.endpoints = append(sp.endpoints, e)
}

// few reports whether there are too few requests to compare the instance with others.
func (p *part) few() bool {
	blocks := 0
	for i := range p.blocks.list {
		if p.blocks.list[i].requests > 0 {
			blocks++
		}
	}
	return p.requests < fewestOfInstance || blocks < fewestBlocksOfPart
}

// sumInstances sums up the requests of each instance.
func (sp *spreader) sumInstances(list []contribution) {
	for i := range sp.instances {
		in := &sp.instances[i]
		if i < len(list) {
			in.Requests, in.Wall = list[i].requests, list[i].wall
		}
		if in.Covered > 0 {
			in.Rate = round(float64(in.Requests)/(float64(in.Covered)/1e9), 1000)
			in.Concurrency = round(float64(in.Wall)/float64(in.Covered), 1000)
		}
	}
}

// level returns a quantity of the part.
func (p *part) level(q quantity) level {
	in := func(b *partBlock) int64 {
		if q.bucket == breakdown.NumBuckets {
			return b.wall
		}
		return b.buckets[q.bucket]
	}
	sum, n := int64(0), 0.0
	for i := range p.blocks.list {
		b := &p.blocks.list[i]
		sum += in(b)
		if b.requests > 0 {
			n++
		}
	}
	requests := float64(p.requests)
	l := level{mean: float64(sum) / requests}
	squares := 0.0
	for i := range p.blocks.list {
		b := &p.blocks.list[i]
		off := float64(in(b)) - l.mean*float64(b.requests)
		squares += off * off
	}
	if n > 1 {
		l.variance = squares / (requests * requests) * n / (n - 1)
	}
	if n > 3 {
		l.variance *= (n - 1) / (n - 3) // as Student's t with few blocks varies more than a normal distribution
	}
	return l
}

// levels returns a quantity of the instances that are tested.
func (e *spreadEndpoint) levels(q quantity) (out []level) {
	for _, i := range e.tested {
		out = append(out, e.parts[i].level(q))
	}
	return out
}

func (e *spreadEndpoint) spread() breakdown.EndpointSpread {
	out := breakdown.EndpointSpread{Name: e.of.Name, Route: e.of.Route, Kind: e.of.Kind, Parts: []breakdown.InstancePart{}, Buckets: []breakdown.BucketRange{}}
	for i, p := range e.parts {
		if p == nil {
			continue
		}
		in := breakdown.InstancePart{Instance: i, Requests: p.requests, Wall: p.wall, Few: p.few()}
		for b := range p.buckets {
			in.Buckets[b] = p.buckets[b].total
		}
		out.Parts = append(out.Parts, in)
	}
	out.Wall = rangeOf(e.levels(wallQuantities[0]))
	for b := range breakdown.NumBuckets {
		if e.of.Buckets[b].Total > 0 {
			out.Buckets = append(out.Buckets, breakdown.BucketRange{Bucket: b, Range: rangeOf(e.levels(ofBucket(b)))})
		}
	}
	return out
}

func rangeOf(levels []level) (r breakdown.Range) {
	if len(levels) == 0 {
		return r
	}
	means, noise := make([]float64, len(levels)), 0.0
	for i, l := range levels {
		means[i] = l.mean
		noise += l.variance / float64(len(levels))
	}
	median, sd := robustSpread(means)
	whole := func(x float64) int64 { return int64(math.Round(x)) }
	return breakdown.Range{Least: whole(slices.Min(means)), Median: whole(median), Most: whole(slices.Max(means)), Between: whole(sd), Noise: whole(math.Sqrt(noise))}
}

// odd returns the odd instances of all endpoints.
func (sp *spreader) odd() []breakdown.Odd {
	quantities := 0
	for i := range sp.endpoints {
		if e := &sp.endpoints[i]; len(e.tested) >= fewestInstances {
			buckets := len(e.buckets())
			quantities += buckets
			sp.b.Spread.Tests += buckets * len(e.tested)
		}
	}
	out := []breakdown.Odd{}
	strange := map[int]bool{} // the instances that are odd anywhere
	type found struct {
		e    *spreadEndpoint
		odd  map[int]map[breakdown.Bucket]bool
		best map[int]float64
	}
	var all []found
	for i := range sp.endpoints {
		e := &sp.endpoints[i]
		if len(e.tested) < fewestInstances {
			continue
		}
		f := found{e, map[int]map[breakdown.Bucket]bool{}, map[int]float64{}}
		for _, b := range e.buckets() {
			for _, s := range oddOnes(e.levels(ofBucket(b)), quantities, SpreadAlpha) {
				at := e.tested[s.index]
				if math.Abs(s.delta) < LeastSpread*e.othersMean(at) {
					continue
				}
				if f.odd[at] == nil {
					f.odd[at], f.best[at] = map[breakdown.Bucket]bool{}, 1
				}
				f.odd[at][b], strange[at] = true, true
				f.best[at] = min(f.best[at], s.p)
			}
		}
		all = append(all, f)
	}
	for _, f := range all {
		for at, buckets := range f.odd {
			var rest []int
			for _, i := range f.e.tested {
				if _, odd := f.odd[i]; !odd {
					rest = append(rest, i)
				}
			}
			if len(rest) == 0 { // each is odd somewhere
				rest = slices.DeleteFunc(slices.Clone(f.e.tested), func(i int) bool { return i == at })
			}
			out = append(out, breakdown.Odd{Instance: at, Name: sp.instances[at].Name, Endpoint: f.e.of.Name, Route: f.e.of.Route,
				Difference: sp.difference(f.e, []int{at}, rest, buckets), P: round(f.best[at], 1e6), Differs: sp.distinctions(at, strange)})
		}
	}
	slices.SortFunc(out, func(x, y breakdown.Odd) int {
		return cmp.Or(cmp.Compare(abs(y.Delta)*y.Requests, abs(x.Delta)*x.Requests), cmp.Compare(x.Instance, y.Instance), cmp.Compare(x.Endpoint, y.Endpoint))
	})
	return out
}

// buckets returns those that hold time.
func (e *spreadEndpoint) buckets() (out []breakdown.Bucket) {
	for b := range breakdown.NumBuckets {
		if e.of.Buckets[b].Total > 0 {
			out = append(out, b)
		}
	}
	return out
}

// othersMean returns the median of the other instances' mean wall times.
func (e *spreadEndpoint) othersMean(than int) float64 {
	var means []float64
	for _, i := range e.tested {
		if i != than {
			means = append(means, e.parts[i].level(wallQuantities[0]).mean)
		}
	}
	return medianOf(means)
}

// difference explains how the requests of some instances differ from those of others, as a
// comparison would.
func (sp *spreader) difference(e *spreadEndpoint, these, others []int, odd map[breakdown.Bucket]bool) breakdown.Difference {
	p := pair{before: sp.pooled(e, others), after: sp.pooled(e, these)}
	d := breakdown.Difference{Requests: p.after.Requests, Mean: p.after.Wall.Mean, Others: p.before.Wall.Mean, Buckets: []breakdown.BucketDifference{}}
	d.Delta = d.Mean - d.Others
	parts := make([]ratio, breakdown.NumBuckets)
	for b := range parts {
		parts[b] = p.difference(p.before.Buckets[b].Total, p.after.Buckets[b].Total)
	}
	for b, delta := range apportion(parts, d.Delta) {
		bucket := breakdown.Bucket(b)
		if delta == 0 && !odd[bucket] {
			continue
		}
		x, y := &p.after.Buckets[b], &p.before.Buckets[b]
		d.Buckets = append(d.Buckets, breakdown.BucketDifference{Bucket: bucket, Mean: x.Mean, Others: y.Mean, Delta: delta, Odd: odd[bucket],
			Phases: phaseDifferences(p, bucket, delta), Sites: siteChanges(p, bucket, delta), Parts: partChanges(p, bucket, delta)})
	}
	slices.SortStableFunc(d.Buckets, func(x, y breakdown.BucketDifference) int { return cmp.Compare(abs(y.Delta), abs(x.Delta)) })
	return d
}

// phaseDifferences is phaseChanges with the means on both sides.
func phaseDifferences(p pair, b breakdown.Bucket, delta int64) []breakdown.PhaseDifference {
	out := []breakdown.PhaseDifference{}
	for _, c := range phaseChanges(p, b, delta) {
		for phase := breakdown.NoPhase + 1; phase < breakdown.NumPhases; phase++ {
			if phase.String() == c.Part {
				out = append(out, breakdown.PhaseDifference{Phase: phase, Delta: c.Delta,
					Mean:   mean(phaseTotal(&p.after.Buckets[b], phase), p.after.Requests),
					Others: mean(phaseTotal(&p.before.Buckets[b], phase), p.before.Requests)})
			}
		}
	}
	return out
}

// pooled returns the requests of several instances as one endpoint, with what a comparison
// needs.
func (sp *spreader) pooled(e *spreadEndpoint, instances []int) *breakdown.Endpoint {
	sum := &part{}
	for _, i := range instances {
		p := e.parts[i]
		sum.requests += p.requests
		sum.wall += p.wall
		for b := range sum.buckets {
			to, from := &sum.buckets[b], p.buckets[b]
			if to.sites == nil {
				to.sites = map[breakdown.Frame]int64{} // its own, since merge keeps those of the part
			}
			to.merge(&from)
		}
	}
	out := &breakdown.Endpoint{Name: e.of.Name, Route: e.of.Route, Kind: e.of.Kind, Requests: sum.requests,
		Wall: breakdown.Stats{Total: sum.wall, Mean: mean(sum.wall, sum.requests)}}
	for b := range breakdown.NumBuckets {
		out.Buckets = append(out.Buckets, sum.render(b))
	}
	sp.presence(out, e, instances)
	return out
}

// render returns a bucket with what a comparison needs.
func (p *part) render(b breakdown.Bucket) breakdown.BucketTime {
	s := &p.buckets[b]
	out := breakdown.BucketTime{Bucket: b, Total: s.total, Mean: mean(s.total, p.requests), Calls: s.calls, Dials: s.dials, CallTime: s.callTime}
	if p.requests > 0 {
		out.CallsPerRequest = float64(s.calls) / float64(p.requests)
	}
	for phase, t := range s.phases {
		if t > 0 && (phase != int(breakdown.NoPhase) || t != s.total) {
			out.Phases = append(out.Phases, breakdown.PhaseTime{Phase: breakdown.Phase(phase), Total: t})
		}
	}
	rest := int64(0)
	for frame, t := range s.sites {
		if frame == (breakdown.Frame{}) {
			rest += t
			continue
		}
		out.Sites = append(out.Sites, breakdown.SiteTime{Frame: frame, Total: t})
	}
	slices.SortFunc(out.Sites, func(x, y breakdown.SiteTime) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), compareFrames(x.Frame, y.Frame))
	})
	if rest > 0 {
		out.Sites = append(out.Sites, breakdown.SiteTime{Frame: breakdown.Frame{Function: breakdown.Other}, Total: rest})
	}
	return out
}

// presence splits the running time of some instances by whether there was a core, if CPU
// samples tell.
func (sp *spreader) presence(out *breakdown.Endpoint, e *spreadEndpoint, instances []int) {
	var list []exposure
	var of []sampling
	for i, instance := range sp.of {
		if !slices.Contains(instances, instance) {
			continue
		}
		if i >= len(e.sums.exposed) || i >= len(sp.samplings) || sp.samplings[i].old {
			return
		}
		list, of = append(list, e.sums.exposed[i]), append(of, sp.samplings[i])
	}
	t := &out.Buckets[breakdown.CPU]
	if p, ok := presenceOf(list, of); ok && t.Total > 0 {
		t.Phases = p.phases(t.Total, 0, out.Requests, "")
	}
}

// distinctions returns what sets an instance apart from those that are not odd.
func (sp *spreader) distinctions(at int, strange map[int]bool) []breakdown.Distinction {
	out := []breakdown.Distinction{}
	compare := func(what string, of func(*breakdown.Instance) string) {
		others, same := "", true
		n := 0
		for i := range sp.instances {
			if i == at || strange[i] {
				continue
			}
			v := of(&sp.instances[i])
			if n++; n == 1 {
				others = v
			}
			same = same && v == others
		}
		if v := of(&sp.instances[at]); n > 1 && same && others != "" && v != "" && v != others {
			out = append(out, breakdown.Distinction{What: what, Value: v, Others: others})
		}
	}
	compare("go", func(in *breakdown.Instance) string { return in.GoVersion })
	compare("build", func(in *breakdown.Instance) string { return in.BuildID })
	compare("gomaxprocs", func(in *breakdown.Instance) string { return strconv.Itoa(in.GOMAXPROCS) })
	for _, d := range disturbing {
		if x, most, ok := sp.beyond(at, strange, d.of); ok && x >= d.least && x-most >= d.more {
			out = append(out, breakdown.Distinction{What: d.what, Value: fmt.Sprintf("%.0f%%", 100*x), Others: fmt.Sprintf("%.0f%%", 100*most)})
		}
	}
	for _, name := range sp.labels() {
		compare("label "+name, func(in *breakdown.Instance) string { return in.Label(name) })
	}
	return out
}

// disturbing are the shares that slow an instance down from outside of its code: how large
// one must be to be named, and by how much more than that of any other instance.
var disturbing = []struct {
	what        string
	least, more float64
	of          func(*breakdown.Instance) (float64, bool)
}{
	{breakdown.OtherPrograms, 0.2, 0.1, func(in *breakdown.Instance) (float64, bool) {
		if in.OffCore == nil {
			return 0, false
		}
		return *in.OffCore, true
	}},
	{breakdown.SlowScheduler, 0.2, 0.1, func(in *breakdown.Instance) (float64, bool) { return in.Saturated, true }},
}

// beyond returns a share of an instance, and the largest of those that are not odd. It
// returns false if one is unknown.
func (sp *spreader) beyond(at int, strange map[int]bool, of func(*breakdown.Instance) (float64, bool)) (x, most float64, ok bool) {
	x, ok = of(&sp.instances[at])
	for i := range sp.instances {
		if i == at || strange[i] {
			continue
		}
		other, known := of(&sp.instances[i])
		ok, most = ok && known, max(most, other)
	}
	return x, most, ok
}

// labels returns the names of the instances' labels, in order.
func (sp *spreader) labels() (names []string) {
	for i := range sp.instances {
		for _, l := range sp.instances[i].Labels {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

package analyze

import (
	"timesink/analyze/breakdown"
)

// What each capture contributes to an endpoint, if captures are compared as instances.

// A part is the sums of one capture's complete requests to one endpoint: what explains a
// difference, and the blocks that tell one from chance.
type part struct {
	requests, wall int64
	buckets        [breakdown.NumBuckets]partBucket
	blocks         partBlocks
}

type partBucket struct {
	total, calls, dials, callTime int64
	phases                        [breakdown.NumPhases]int64
	sites                         map[breakdown.Frame]int64 // ns
}

// partSize is the size of a part with its blocks and some call sites, in bytes, with the
// overhead of maps.
const partSize = 9000

// siteSize is that of a further call site.
const siteSize = 120

// mostPartSites is how many call sites a bucket of a part keeps apart.
const mostPartSites = 64

// partOf returns the part of the capture being read, nil if there is no room.
func (e *endpoint) partOf() *part {
	if p := e.contributed[e.instance]; p != nil || e.partless {
		return p
	}
	if !e.spend(partSize) {
		e.partless = true
		return nil
	}
	if e.contributed == nil {
		e.contributed = map[int]*part{}
	}
	p := &part{}
	e.contributed[e.instance] = p
	return p
}

// A contribution is what one capture contributes to all endpoints: the number of its
// complete requests and their wall time in ns.
type contribution struct{ requests, wall int64 }

// addToPart adds a complete request to its capture's part.
func (e *endpoint) addToPart(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	for len(e.captures) <= e.instance {
		e.captures = append(e.captures, contribution{})
	}
	e.captures[e.instance].requests++
	e.captures[e.instance].wall += r.Wall()
	p := e.partOf()
	if p == nil {
		return
	}
	p.requests++
	p.wall += r.Wall()
	p.blocks.add(r.End, r.Wall(), spent)
	for i := range r.Path {
		s := &r.Path[i]
		b := &p.buckets[s.Bucket]
		b.total += s.End - s.Start
		b.phases[s.Phase] += s.End - s.Start
		e.addSite(b, s.Cause.Site, s.End-s.Start)
	}
	for i := range r.Calls {
		c := &r.Calls[i]
		b := &p.buckets[c.Bucket]
		b.calls++
		b.callTime += c.Time()
		if c.Dialed {
			b.dials++
		}
	}
}

func (e *endpoint) addSite(b *partBucket, site breakdown.Frame, ns int64) {
	if b.sites == nil {
		b.sites = map[breakdown.Frame]int64{}
	}
	if _, ok := b.sites[site]; !ok && (len(b.sites) >= mostPartSites || !e.spend(siteSize)) {
		site = breakdown.Frame{}
	}
	b.sites[site] += ns
}

// mergeParts adds the parts of o.
func (e *endpoint) mergeParts(o *endpoint) {
	e.partless = e.partless || o.partless
	for capture, from := range o.contributed {
		if e.contributed == nil {
			e.contributed = map[int]*part{}
		}
		to := e.contributed[capture]
		if to == nil {
			e.contributed[capture] = from
			continue
		}
		to.requests += from.requests
		to.wall += from.wall
		to.blocks.merge(&from.blocks)
		for i := range to.buckets {
			to.buckets[i].merge(&from.buckets[i])
		}
	}
}

func (b *partBucket) merge(o *partBucket) {
	b.total += o.total
	b.calls += o.calls
	b.dials += o.dials
	b.callTime += o.callTime
	for p, t := range o.phases {
		b.phases[p] += t
	}
	if b.sites == nil {
		b.sites = o.sites
		return
	}
	for site, t := range o.sites {
		b.sites[site] += t
	}
}

// mostPartBlocks bounds the number of blocks of a part. Consecutive requests resemble
// each other, so blocks become as long as this requires.
const mostPartBlocks = 32

// partBlocks are requests in time order, in blocks by when they ended. All blocks are
// equally long, and begin at multiples of that.
type partBlocks struct {
	length int64 // ns; 0 until there is a request
	first  int64 // the index of the first block
	list   []partBlock
}

type partBlock struct {
	requests, wall int64
	buckets        [breakdown.NumBuckets]int64
}

func (b *partBlocks) add(end, wall int64, spent *[breakdown.NumBuckets]int64) {
	if b.length == 0 {
		b.length = breakdown.BlockLength
		b.first = floorDiv(end, b.length)
	}
	at := b.at(floorDiv(end, b.length))
	at.requests++
	at.wall += wall
	for k, t := range spent {
		at.buckets[k] += t
	}
}

// at returns the block with an index, for which it makes room.
func (b *partBlocks) at(index int64) *partBlock {
	for {
		first, last := min(b.first, index), max(b.first+int64(len(b.list))-1, index)
		if last-first < mostPartBlocks {
			break
		}
		b.double()
		index = floorDiv(index, 2)
	}
	if missing := b.first - index; missing > 0 {
		b.list = append(make([]partBlock, missing), b.list...)
		b.first = index
	}
	for int64(len(b.list)) <= index-b.first {
		b.list = append(b.list, partBlock{})
	}
	return &b.list[index-b.first]
}

// double makes blocks twice as long.
func (b *partBlocks) double() {
	old, first := b.list, b.first
	b.length *= 2
	b.first = floorDiv(first, 2)
	b.list = nil
	for i := range old {
		at := int(floorDiv(first+int64(i), 2) - b.first)
		for len(b.list) <= at {
			b.list = append(b.list, partBlock{})
		}
		b.list[at].add(&old[i])
	}
}

func (b *partBlock) add(o *partBlock) {
	b.requests += o.requests
	b.wall += o.wall
	for k, t := range o.buckets {
		b.buckets[k] += t
	}
}

// merge adds the blocks of o, of the same capture, which must not be used afterwards.
func (b *partBlocks) merge(o *partBlocks) {
	switch {
	case o.length == 0:
		return
	case b.length == 0:
		*b = *o
		return
	}
	for b.length < o.length {
		b.double()
	}
	for o.length < b.length {
		o.double()
	}
	for i := range o.list {
		// Making room may double the blocks of b.
		b.at(floorDiv((o.first+int64(i))*o.length, b.length)).add(&o.list[i])
	}
}

// floorDiv divides and rounds down, also below zero: traces' clocks begin anywhere.
func floorDiv(x, by int64) int64 {
	q := x / by
	if x%by < 0 {
		q--
	}
	return q
}

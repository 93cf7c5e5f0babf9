package timeline

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// DefaultMemory is the memory limit of a Reader that sets none, in bytes.
const DefaultMemory = 512_000_000

// MinMemory is the lowest memory limit of a Reader, in bytes: below it, a second of
// an ordinary service's trace would not fit.
const MinMemory = 64_000_000

// shares divide a Reader's memory among everything that can grow, in bytes. They
// leave a sixth for the collector and for what has a fixed size. Usage is computed
// from counts and the sizes below, never read from the runtime: the result for a
// trace must not depend on the machine or on the number of workers.
type shares struct {
	decoding int64 // generations that were read and not yet applied
	old      int64 // a trace of Go before 1.22, in place of generations
	spare    int64 // buffers of earlier generations
	history  int64 // what goroutines did, as long as a wait may lead there
	open     int64 // goroutines and open requests
	stacks   int64 // distinct stacks, and as much again for those not kept whole
	evidence int64 // distinct causes, and as much again for plain ones
}

func sharesOf(memory int64) shares {
	if memory <= 0 {
		memory = DefaultMemory
	}
	memory = max(memory, MinMemory)
	return shares{
		decoding: memory / 16 * 5,
		old:      memory / 2,
		spare:    memory / 16,
		history:  memory / 8,
		open:     memory / 8,
		stacks:   memory / 32,
		evidence: memory / 64,
	}
}

// The sizes of what is kept, in bytes: those of the types, plus the slack of growing
// slices and of maps.
const (
	intervalSize  = 96
	goroutineSize = 480
	segmentSize   = 96
	behindSize    = 48
	callSize      = 232
	waitSize      = 80
	pointerSize   = 16
	frameSize     = 48
	classSize     = 600
	causeSize     = 400
)

// budget returns the decoder's part of the shares.
func (s shares) budget() trace.Budget {
	return trace.Budget{Decoding: s.decoding, Old: s.old, Spare: s.spare, Stacks: s.stacks}
}

// bounds count what a machine holds besides its history, and limit it.
type bounds struct {
	weight, room int64 // of goroutines and open requests, in bytes
	mostCalls    int   // of one request
	classBytes   int
	stacksRoom   int
	admitted     map[string]*class // by program counters
	chains       map[string]*breakdown.Chain
	outlines     map[outline]*class
	causesRoom   int
	plain        map[plainCause]*breakdown.Cause
}

// A load counts what is kept of an open request.
type load struct {
	weight    int64 // bytes
	weighAt   int   // number of parts at which it is weighed again
	weighed   int   // segments of the path counted so far
	behinds   int   // entries in the Behind lists of these
	most      int   // branches, before those that nothing needs are dropped
	callCut   bool
	listening []streamCall // other calls may have been made between their messages
}

// maxRoots bounds the functions by which goroutines are told apart. looseSize is the
// cost of a call that belongs to no request, in intervals.
const (
	maxRoots  = 1 << 14
	looseSize = 2
)

// bound applies the shares to the machine.
func (m *machine) bound(s shares) {
	m.most = int(s.history / intervalSize)
	m.limit = m.most
	m.mostOpenings = int(s.open / 8 / openingSize)
	m.openingsLeft = m.mostOpenings
	m.room, m.stacksRoom, m.causesRoom = s.open, int(s.stacks), int(s.evidence)
	m.mostCalls = int(s.open / 16 / callSize)
}

// follows counts the goroutine with an id, which the machine now follows.
func (m *machine) follows(id int64, g *goroutine) {
	m.gs.Add(id, g)
	m.weight += goroutineSize
}

// weighEvery is the number of parts by which a request grows before it is weighed
// again.
const weighEvery = 8

// parts returns how many segments, calls and waits are kept of a request.
func (r *request) parts() int { return len(r.Path) + len(r.Calls) + len(r.Waits) }

// weigh updates the weight of an open request.
func (m *machine) weigh(r *request) {
	if len(r.Path) < r.weighed {
		r.weighed = len(r.Path)
	}
	for ; r.weighed < len(r.Path); r.weighed++ {
		r.behinds += len(r.Path[r.weighed].Behind)
	}
	weight := int64((len(r.Path)+weighEvery)*segmentSize + len(r.Waits)*waitSize + r.behinds*behindSize + len(r.Calls)*callSize + (len(r.Samples)+len(r.branches))*pointerSize)
	m.weight += weight - r.weight
	r.weight = weight
	r.weighAt = r.parts() + weighEvery
}

// mayCall reports whether another call of a request may be kept.
func (m *machine) mayCall(r *request) bool {
	if len(r.Calls) < m.mostCalls {
		return true
	}
	if !r.callCut {
		r.callCut = true
		m.sum.CallsCut++
	}
	return false
}

// branch adds a goroutine that one of the request's goroutines has started.
func (m *machine) branch(r *request, g *goroutine) {
	if len(r.branches) >= r.most {
		r.dropBranches(m.horizon())
		r.most = 2*len(r.branches) + keptSegments
	}
	r.branches = append(r.branches, g)
	m.weigh(r)
}

// Ended requests are reused unless they have become large.
const (
	reusable = 1024
	largest  = 256
)

func (m *machine) reuse(r *request) {
	if r.life == held {
		clear(r.branches)
		r.branches = r.branches[:0]
		return
	}
	m.weight -= r.weight
	r.weight = 0
	clear(r.branches) // they would keep the goroutines alive
	if cap(r.Path) > largest {
		r.Path = nil
	}
	if cap(r.Calls) > largest {
		r.Calls = nil
	}
	if cap(r.Samples) > largest {
		r.Samples = nil
	}
	if cap(r.branches) > largest {
		r.branches = nil
	}
	if len(m.free) < reusable {
		m.free = append(m.free, r)
	}
}

// idles reports whether a status record is for a waiting goroutine that need not be
// followed, because there are too many to follow those that only wait. Each
// generation reports the status of all goroutines. The goroutines of connections are
// always followed.
func (m *machine) idles(r *trace.Record) bool {
	if m.sum.Evicted == 0 || r.State != trace.StateWaiting || m.gs.Find(m.ids[r.G]) != nil {
		return false
	}
	c := m.stacks[r.Stack]
	return c != nil && c.Kind == ""
}

// relieve frees memory when goroutines and open requests take too much. It first
// drops the order of what requests did long ago; if that is not enough, it stops
// following goroutines.
func (m *machine) relieve() {
	m.deliverHeld()
	for _, g := range m.gs.All() {
		if r := m.served(g); r != nil {
			m.condense(r)
		}
	}
	if m.weight > m.room/4*3 {
		m.evict(m.room / 2)
	}
}

// keptSegments is how many of a request's last segments remain unchanged: the request
// may turn out to have ended before them.
const keptSegments = 32

// A kind is what summed segments of a path have in common.
type kind struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	cause  *breakdown.Cause
}

// condense replaces a request's path, except its end, by one segment of each kind, as
// long as all segments of that kind together. The positions in the path are lost, and
// with them how much of it overlaps calls by other goroutines that are still to come.
func (m *machine) condense(r *request) {
	n := len(r.Path) - keptSegments
	for n > 0 && r.finished != 0 && r.Path[n-1].End > r.finished {
		n--
	}
	r.dropBranches(m.horizon())
	if n >= 2*keptSegments {
		r.placeCalls(r.Path[r.inOrder():n])
		path := append(summed(r.Path[:n], r.Goroutine), r.Path[n:]...)
		if r.Condensed == 0 {
			m.sum.Condensed++
		}
		r.Condensed = r.Path[n-1].End
		r.Path, r.weighed, r.behinds = path, 0, 0
	}
	m.weigh(r)
}

// inOrder returns the index from which the path is in order.
func (r *request) inOrder() int {
	i, _ := slices.BinarySearchFunc(r.Path, r.Condensed, func(s breakdown.Segment, t int64) int { return cmp.Compare(s.Start, t) })
	return i
}

// summed returns a path with one segment of each kind, in order of first appearance.
func summed(path []breakdown.Segment, g int64) []breakdown.Segment {
	index := map[kind]int{}
	var out []breakdown.Segment
	for i := range path {
		s := &path[i]
		k := kind{s.Bucket, s.Phase, s.Cause}
		at, ok := index[k]
		if !ok {
			at = len(out)
			index[k] = at
			out = append(out, breakdown.Segment{Goroutine: g, Bucket: s.Bucket, Phase: s.Phase, Cause: s.Cause})
		}
		out[at].End += s.End - s.Start
		out[at].Behind = addBehind(out[at].Behind, s.Behind)
	}
	at := path[0].Start
	for i := range out {
		out[i].Start, out[i].End = at, at+out[i].End
		at = out[i].End
	}
	return out
}

// dropBranches drops the branches that ended before the horizon: nothing needs them
// any more.
func (r *request) dropBranches(horizon int64) {
	r.branches = slices.DeleteFunc(r.branches, func(g *goroutine) bool { return g.dead && g.died() <= horizon })
}

// evict stops following goroutines until what is kept weighs at most target. It
// starts with those that have waited longest and work for no request. Last are those
// that serve a request, which is then cut.
func (m *machine) evict(target int64) {
	rank := func(g *goroutine) int {
		switch r := m.worksFor(g); {
		case r == nil:
			return 0
		case r.g != g:
			return 1
		}
		return 2
	}
	m.part()
	gs := make([]*goroutine, 0, m.gs.Len())
	for _, g := range m.gs.All() {
		gs = append(gs, g)
	}
	slices.SortFunc(gs, func(a, b *goroutine) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.since, b.since), cmp.Compare(a.id, b.id))
	})
	for _, g := range gs {
		if m.weight <= target {
			break
		}
		if m.gs.Find(g.id) != g {
			continue
		}
		if m.served(g) != nil {
			m.sum.EvictedRequests++
			m.done(g, m.now, true)
		}
		m.sum.Evicted++
		m.end(g, m.now)
	}
	// The table of the generation would keep all it has ever seen.
	for i, g := range m.met {
		if g != nil && g.dead {
			m.met[i] = nil
		}
	}
	m.known = m.now
	m.forgetDead(m.horizon())
}

func (m *machine) classOf(c *class) *class {
	if known, ok := m.admitted[c.key]; ok {
		return known
	}
	if m.home.Moved() {
		c.reclassify(m.home.Classify(c.Stack))
	}
	if m.home.See(c.Class) {
		m.move(c)
	}
	if m.classBytes+c.size() > m.stacksRoom {
		return m.outlineOf(c)
	}
	if m.admitted == nil {
		m.admitted = map[string]*class{}
	}
	m.classBytes += c.size()
	c.admitted, c.chain = true, m.chainOf(c)
	m.admitted[c.key] = c
	m.lead(c)
	return c
}

// chainOf returns what a stack shows of how a request was passed on. Equal chains are
// shared. It returns nil if there are too many.
func (m *machine) chainOf(c *class) *breakdown.Chain {
	if len(c.Below) == 0 {
		return nil
	}
	chain := make(breakdown.Chain, len(c.Below))
	key := make([]byte, 0, 8*len(chain)+64)
	key = append(key, byte(c.Dispatched))
	if c.Unrouted {
		key = append(key, 1)
	}
	for i, at := range c.Below {
		frame := c.Stack[at]
		frame.Function = strings.TrimSuffix(frame.Function, "-fm")
		chain[i] = breakdown.Step{Dispatched: 0 < i && i <= c.Dispatched, Unrouted: i == 0 && c.Unrouted}
		if via := c.Via[i]; via >= 0 {
			chain[i].Via = c.Stack[via]
			key = append(key, c.key[8*via:8*via+8]...)
		}
		if i == len(chain)-1 {
			chain[i].Frame = breakdown.Frame{Function: frame.Function}
			key = append(key, frame.Function...)
			break
		}
		pc := c.key[8*at : 8*at+8]
		chain[i].Frame, chain[i].PC = frame, binary.LittleEndian.Uint64([]byte(pc))
		key = append(key, pc...)
	}
	known := m.chains[string(key)]
	if size := len(chain)*frameSize + len(key); known == nil && m.classBytes+size <= m.stacksRoom {
		if m.chains == nil {
			m.chains = map[string]*breakdown.Chain{}
		}
		known = &chain
		m.classBytes += size
		m.chains[string(key)] = known
	}
	return known
}

// An outline is what is kept of a stack when there are too many: its classification
// and its innermost functions.
type outline struct {
	rule, answers                                                                                                          *rules.Rule
	chain                                                                                                                  *breakdown.Chain
	phase, wakes                                                                                                           breakdown.Phase
	system, client, handler, kind, root, library, timer, unit, called                                                      string
	noCall, whole, inService, served, dials, writes, observer, gc, receives, selects, gathers, bare, between, inC, returns bool
	begins, stream, opens, opened, streams, flushes, cut, accepts, transaction, tests, expires, limited                    bool
	drops, connects, looksUp, awaits, feeds                                                                                bool
	purpose                                                                                                                breakdown.Purpose
	follow                                                                                                                 rules.Follow
	hold                                                                                                                   breakdown.Hold
	role                                                                                                                   rules.Role
	activity                                                                                                               breakdown.Activity
	collecting                                                                                                             breakdown.Collecting
	starting, showing                                                                                                      claim
	site                                                                                                                   breakdown.Frame
	depth, innermost                                                                                                       int
	inner                                                                                                                  [outlineFrames]string
}

const outlineFrames = 4

func (m *machine) outline(c *class) outline {
	o := outline{chain: m.chainOf(c), rule: c.Own, answers: c.Answers, phase: c.Phase, wakes: c.Wakes, system: c.System, client: c.Client, handler: c.Handler, kind: c.Kind, root: c.Root(), library: c.Library, timer: c.Timer, purpose: c.Purpose, unit: c.Unit, called: c.Called,
		noCall: c.NoCall, whole: c.Whole, inService: c.InService, served: c.Served, dials: c.Dials, writes: c.Writes, observer: c.Observer, gc: c.GC, receives: c.receives, selects: c.selects, gathers: c.Gathers, bare: c.Bare, between: c.Between, inC: c.InC, returns: c.Returns,
		begins: c.Begins, stream: c.Stream, opens: c.Opens, opened: c.Opened, streams: c.Streams, flushes: c.Flushes, cut: c.Cut, accepts: c.Accepts, transaction: c.Transaction, tests: c.Tests, expires: c.Expires, limited: c.Limited,
		drops: c.Drops, connects: c.Connects, looksUp: c.LooksUp, feeds: c.Feeds, awaits: c.Awaits,
		follow: c.Follow, role: c.Role, hold: c.Hold, activity: c.Activity, collecting: c.Collecting, starting: c.starting, showing: c.showing, site: c.Site, depth: c.Depth, innermost: c.Inner}
	for i := range min(outlineFrames, len(c.Stack)) {
		o.inner[i] = c.Stack[i].Function
	}
	return o
}

// outlineOf returns the class that stands in for a stack, or nil, as for a missing
// stack, if there are too many outlines as well.
func (m *machine) outlineOf(c *class) *class {
	m.sum.StacksCut++
	key := m.outline(c)
	known, ok := m.outlines[key]
	if !ok {
		if len(m.outlines)*(classSize+outlineFrames*frameSize) > m.stacksRoom {
			return nil
		}
		if m.outlines == nil {
			m.outlines = map[outline]*class{}
		}
		short := *c.Class
		short.Stack = slices.Clone(c.Stack[:min(outlineFrames, len(c.Stack))])
		if n := len(c.Stack); n > outlineFrames {
			short.Stack = append(short.Stack, c.Stack[n-1])
		}
		known = &class{Class: &short, traits: c.traits, starting: c.starting, showing: c.showing, receives: c.receives, selects: c.selects, toAll: c.toAll, chain: key.chain, admitted: true}
		m.outlines[key] = known
	}
	return known
}

// A plainCause is what is kept of a cause when there are too many.
type plainCause struct {
	site           breakdown.Frame
	system, reason string
	state          trace.State
}

// plainCause returns the cause that stands in for others like it. If there are too
// many of these as well, it is one without a site.
func (m *machine) plainCause(c *class, state trace.State, why trace.Reason, at *class) *breakdown.Cause {
	m.sum.CausesCut++
	key := plainCause{state: state, reason: m.reasonName(why)}
	if c != nil {
		key.site, key.system = c.Site, c.System
	}
	if at != nil {
		key.site = at.Site
	}
	if m.plain == nil {
		m.plain = map[plainCause]*breakdown.Cause{}
	}
	if m.plain[key] == nil && len(m.plain)*causeSize > m.causesRoom {
		key = plainCause{state: state}
	}
	cause := m.plain[key]
	if cause == nil {
		cause = &breakdown.Cause{State: state.String(), Reason: key.reason, System: key.system, Site: key.site}
		m.plain[key] = cause
	}
	return cause
}

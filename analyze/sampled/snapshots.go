package sampled

import (
	"errors"
	"io"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/collect/capture"
)

// A Summary describes the samples of a capture.
type Summary struct {
	Snapshots int
	Plain     int // of them without names and states of goroutines
	// Weights is how long each snapshot stands for, in ns. They sum to the window.
	Weights []int64
	Damaged error // what ended the reading, nil if nothing did

	viewer *viewer
}

// An Opener opens the samples. It is called twice.
type Opener func() (io.ReadCloser, error)

// Read reads samples that cover a window in Unix nanoseconds, and calls each with what
// every snapshot shows of requests: the index of the snapshot and a piece of a request,
// valid until each returns. Damaged samples end early.
func Read(open Opener, start, end int64, table *rules.Table, each func(snapshot int, piece *breakdown.Request)) (*Summary, error) {
	sum, list, err := survey(open, start, end)
	if err != nil {
		return nil, err
	}
	v := &viewer{stacks: classify(table, list), each: each}
	sum.viewer = v
	if err := v.connections(open); err != nil {
		return nil, err
	}
	err = scan(open, func(i int, s *capture.Snapshot, _ *capture.SampleReader) { v.view(i, s, sum.Weights[i]) })
	return sum, err
}

// scan calls see with each snapshot. It returns the error of opening the samples.
func scan(open Opener, see func(int, *capture.Snapshot, *capture.SampleReader)) error {
	_, err := scanned(open, see)
	return err
}

func scanned(open Opener, see func(int, *capture.Snapshot, *capture.SampleReader)) (damaged, err error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	samples := capture.NewSampleReader(r)
	for i := 0; i < mostSnapshots; i++ {
		s, err := samples.Next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
		see(i, s, samples)
	}
	return nil, nil
}

// mostSnapshots bounds the snapshots that are read: at 100 a second, of ten hours.
const mostSnapshots = 1 << 20

// survey reads the stacks, and when the snapshots were taken.
func survey(open Opener, start, end int64) (*Summary, []capture.Stack, error) {
	sum, list := &Summary{}, []capture.Stack(nil)
	var at []int64
	damaged, err := scanned(open, func(i int, s *capture.Snapshot, r *capture.SampleReader) {
		at = append(at, s.At)
		if s.Form == capture.FormProfile {
			sum.Plain++
		}
		list = r.Stacks()
	})
	if err != nil {
		return nil, nil, err
	}
	sum.Snapshots, sum.Damaged, sum.Weights = len(at), damaged, weights(at, start, end)
	return sum, list, nil
}

// weights divides a window among the moments in it: each stands for the time to which
// it is the nearest. Moments out of order stand for none.
func weights(at []int64, start, end int64) []int64 {
	out := make([]int64, len(at))
	from := start
	for i := range at {
		to := end
		if i+1 < len(at) {
			to = at[i] + (at[i+1]-at[i])/2
		}
		to = min(max(to, from), max(end, from))
		out[i] = to - from
		from = to
	}
	return out
}

// A viewer turns snapshots into pieces of requests.
type viewer struct {
	*stacks
	each     func(int, *breakdown.Request)
	handlers map[int64]*stack // by connection: that of its requests, nil if they have several
	sole     map[string]*stack

	// Of the current snapshot:
	children map[int64][]*capture.Goroutine
	piece    breakdown.Request
	walked   int
}

// mostConnections bounds for how many connections the handler is remembered.
const mostConnections = 1 << 16

// connections finds which handler serves each connection, for goroutines that are before
// or after it: in most services a connection's requests all have the same.
func (v *viewer) connections(open Opener) error {
	v.handlers, v.sole = map[int64]*stack{}, map[string]*stack{}
	return scan(open, func(_ int, s *capture.Snapshot, _ *capture.SampleReader) {
		for i := range s.Goroutines {
			g := &s.Goroutines[i]
			one := v.all[g.Stack]
			if !one.serves() || one.Handler == "" {
				continue
			}
			if known, ok := v.sole[one.Kind]; !ok {
				v.sole[one.Kind] = one
			} else if known != nil && known.Handler != one.Handler {
				v.sole[one.Kind] = nil
			}
			if known, ok := v.handlers[g.ID]; !ok && len(v.handlers) < mostConnections {
				v.handlers[g.ID] = one
			} else if known != nil && known.Handler != one.Handler {
				v.handlers[g.ID] = nil
			}
		}
	})
}

// view turns a snapshot that stands for that many ns into pieces of requests.
func (v *viewer) view(index int, s *capture.Snapshot, weight int64) {
	if weight <= 0 {
		return
	}
	v.children = map[int64][]*capture.Goroutine{}
	for i := range s.Goroutines {
		if g := &s.Goroutines[i]; g.Creator != 0 {
			v.children[g.Creator] = append(v.children[g.Creator], g)
		}
	}
	for i := range s.Goroutines {
		g := &s.Goroutines[i]
		if one := v.all[g.Stack]; one.serves() {
			for range g.Count {
				v.request(one, g, s.At, weight)
				v.each(index, &v.piece)
			}
		}
	}
}

// request sets the piece to what a goroutine shows of the request that it serves.
func (v *viewer) request(one *stack, g *capture.Goroutine, at, weight int64) {
	v.piece = breakdown.Request{Goroutine: g.ID, Start: at, End: at + weight, Kind: one.Kind, Path: v.piece.Path[:0], Chains: v.piece.Chains[:0]}
	named := one
	if named.Handler == "" {
		named = v.namedBy(g, one)
	}
	if named != nil {
		v.piece.Endpoint = named.Handler
		if named.chain != nil {
			v.piece.Chains = append(v.piece.Chains, named.chain)
		}
		if named.Streams {
			v.piece.Kind += breakdown.Streaming
		}
	} else {
		v.piece.Endpoint = breakdown.Unhandled
	}
	v.walked = 0
	v.attribute(one, g, at, at+weight, 0)
}

// namedBy returns a stack with the handler of a request whose own goroutine does not show
// it: one of a goroutine that it started, or else the handler of the connection's other
// requests. It returns nil if neither is known.
func (v *viewer) namedBy(g *capture.Goroutine, one *stack) *stack {
	for _, child := range v.children[g.ID] {
		if c := v.all[child.Stack]; c.Handler != "" && !c.Observer {
			return c
		}
	}
	if known, ok := v.handlers[g.ID]; ok && g.ID != 0 {
		return known
	}
	return v.sole[one.Kind]
}

// maxDepth bounds how far branches are followed, and mostBranches how many of them.
const (
	maxDepth     = 8
	mostBranches = 256
)

// attribute appends what a goroutine does to the piece's path, for [a, b).
func (v *viewer) attribute(one *stack, g *capture.Goroutine, a, b int64, depth int) {
	if g.State == "chan receive" && one.Own == nil {
		one = v.receiving(one)
	}
	is := stateOf(g.State, one)
	cause := one.cause(g.State, is)
	add := func(bucket breakdown.Bucket, phase breakdown.Phase) {
		v.piece.Path = append(v.piece.Path, breakdown.Segment{Start: a, End: b, Goroutine: g.ID, Bucket: bucket, Phase: phase, Cause: cause})
	}
	switch {
	case a >= b:
	case is == collecting:
		add(breakdown.GC, breakdown.NoPhase)
	case is == computing:
		add(breakdown.CPU, breakdown.NoPhase)
	case is == waiting && (g.State == "sleep" || one.Own == nil && one.Timer != ""):
		add(breakdown.Sleep, breakdown.NoPhase)
	case one.Own != nil:
		add(one.Own.Bucket, v.phase(one, g))
	case is == inKernel && one.InC:
		add(breakdown.Unknown, breakdown.CCall)
	case is == inKernel:
		add(breakdown.Unknown, breakdown.NoPhase)
	case one.Answers != nil:
		add(one.Answers.Bucket, one.Answers.Phase)
	case !v.follow(g, a, b, depth):
		add(breakdown.Unknown, breakdown.HandedOver)
	}
}

// phase returns the phase of a call that a goroutine waits in. A wait for a connection
// that is being made for it is the step in which that is.
func (v *viewer) phase(one *stack, g *capture.Goroutine) breakdown.Phase {
	if one.Phase != breakdown.PoolWait || g.ID == 0 {
		return one.Phase
	}
	for _, child := range v.children[g.ID] {
		if c := v.all[child.Stack]; c.Dials {
			if c.Own != nil && c.Own.Bucket == one.Own.Bucket && c.Phase.Stage() == breakdown.Dialing {
				return c.Phase
			}
			return breakdown.Connect
		}
	}
	return one.Phase
}

// follow attributes [a, b) to what the goroutines do that g started, in equal parts: it
// waits for one of them, and nothing shows for which. It reports whether there are any.
func (v *viewer) follow(g *capture.Goroutine, a, b int64, depth int) bool {
	if g.ID == 0 || depth == maxDepth {
		return false
	}
	var branches []*capture.Goroutine
	for _, child := range v.children[g.ID] {
		if v.isBranch(child) && v.walked < mostBranches {
			branches = append(branches, child)
			v.walked++
		}
	}
	for i, child := range branches {
		n := int64(len(branches))
		from, to := a+(b-a)*int64(i)/n, a+(b-a)*int64(i+1)/n
		v.attribute(v.all[child.Stack], child, from, to, depth+1)
	}
	return len(branches) > 0
}

// isBranch reports whether a goroutine does work of the service's, and not that of a
// server or a client's connection.
func (v *viewer) isBranch(g *capture.Goroutine) bool {
	c := v.all[g.Stack]
	switch {
	case c.Observer, c.Role != rules.NoRole, c.Dials, c.Writes, c.LooksUp:
		return false
	}
	return c.InService
}

// OnCPU returns what a stack of a CPU profile shows of a request, a piece of no length,
// with the sample. It returns nil if the stack is no request's, or if what it does counts
// as something else than computing.
func (s *Summary) OnCPU(frames []breakdown.Frame) *breakdown.Request {
	v := s.viewer
	classify := v.table.Classify
	if v.home.Moved() {
		classify = v.home.Classify
	}
	one := &stack{Class: classify(frames)}
	one.finish()
	if !one.serves() || one.Collecting != breakdown.NotCollecting || one.plain == inKernel && one.Own != nil {
		return nil
	}
	g := &capture.Goroutine{}
	v.children = nil
	v.request(one, g, 0, 0)
	v.piece.Samples = []*breakdown.Cause{one.cause("", computing)}
	return &v.piece
}

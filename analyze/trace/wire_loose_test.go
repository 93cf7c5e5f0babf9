package trace

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// A looseGeneration is a generation whose events can be changed.
type looseGeneration struct {
	header  []byte
	batches []looseBatch
	rest    []byte // what cannot be read as batches
}

type looseBatch struct {
	generation, thread, at uint64
	events                 []looseEvent
	raw                    []byte // of a batch that is not of events
}

type looseEvent struct {
	typ  byte
	args []uint64
}

func loosen(g encoded) (l looseGeneration) {
	i := min(headerLen, len(g.data))
	l.header = g.data[:i]
	for i < len(g.data) && g.data[i] == evEventBatch {
		var n [4]uint64
		body := uvarints(g.data, i+1, n[:])
		if body > len(g.data) || n[3] > uint64(len(g.data)-body) {
			break
		}
		i = body + int(n[3])
		b := looseBatch{generation: n[0], thread: n[1], at: n[2]}
		if !b.read(g.data[body:i]) {
			b.events, b.raw = nil, g.data[body:i]
		}
		l.batches = append(l.batches, b)
	}
	l.rest = g.data[i:]
	return l
}

func (b *looseBatch) read(data []byte) bool {
	for i := 0; i < len(data); {
		ev := looseEvent{typ: data[i], args: make([]uint64, numbers[data[i]])}
		i = uvarints(data, i+1, ev.args)
		if len(ev.args) == 0 || i > len(data) {
			return false
		}
		b.events = append(b.events, ev)
	}
	return true
}

// encoded encodes the generation again.
func (l *looseGeneration) encoded() encoded {
	out := slices.Clone(l.header)
	for _, b := range l.batches {
		body := slices.Clone(b.raw)
		for _, ev := range b.events {
			body = append(body, ev.typ)
			for _, v := range ev.args {
				body = binary.AppendUvarint(body, v)
			}
		}
		out = append(out, evEventBatch)
		for _, v := range []uint64{b.generation, b.thread, b.at, uint64(len(body))} {
			out = binary.AppendUvarint(out, v)
		}
		out = append(out, body...)
	}
	return encoded{data: append(out, l.rest...)}
}

// jitter gives the events other times, chosen by the seed.
func (l *looseGeneration) jitter(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	start := []func(uint64) uint64{
		func(at uint64) uint64 { return at },
		func(at uint64) uint64 { return 1 << 40 },
		func(at uint64) uint64 { return at &^ 0xfff },
		func(at uint64) uint64 { return at + rng.Uint64N(1<<14) },
	}[seed%4]
	pass := []func(uint64) uint64{
		func(d uint64) uint64 { return d },
		func(uint64) uint64 { return 0 },
		func(d uint64) uint64 { return d &^ 0x3f },
		func(d uint64) uint64 { return rng.Uint64N(d/2 + d%2 + 1) },
	}[seed/4%4]
	for i := range l.batches {
		b := &l.batches[i]
		b.at = start(b.at)
		for _, ev := range b.events {
			ev.args[0] = pass(ev.args[0])
		}
	}
}

// edit changes single events and single bytes of tables. Four bytes define each change: two
// for the place, one for what, one for how.
func (l *looseGeneration) edit(edits []byte) {
	for ; len(edits) >= 4; edits = edits[4:] {
		which, what, how := int(edits[0])<<8|int(edits[1]), edits[2], edits[3]
		for i := range l.batches {
			b := &l.batches[i]
			if size := len(b.events) + len(b.raw); which >= size {
				which -= size
				continue
			}
			switch {
			case b.raw != nil:
				b.raw = slices.Clone(b.raw)
				b.raw[which] ^= how
			case what&7 == 7:
				b.thread = l.batches[int(how)%len(l.batches)].thread
			default:
				b.edit(which, what, how)
			}
			break
		}
	}
}

func (b *looseBatch) edit(i int, what, how byte) {
	ev := &b.events[i]
	if len(ev.args) == 0 {
		return // an earlier edit gave it this type
	}
	arg := &ev.args[int(what>>4)%len(ev.args)]
	switch what & 7 {
	case 0:
		*arg = uint64(how)
	case 1:
		*arg += uint64(int64(int8(how)))
	case 2:
		*arg = ^uint64(how)
	case 3:
		ev.typ, ev.args = how, append(slices.Clone(ev.args), make([]uint64, maxNumbers)...)[:numbers[how]]
	case 4:
		b.events = slices.Delete(b.events, i, i+1)
	case 5:
		b.events = slices.Insert(b.events, i, looseEvent{ev.typ, slices.Clone(ev.args)})
	case 6:
		next := min(i+1, len(b.events)-1)
		b.events[i], b.events[next] = b.events[next], b.events[i]
	}
}

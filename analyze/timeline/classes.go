package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A class is a distinct stack, classified, with what the machine remembers of
// it.
type class struct {
	*rules.Class
	root *Root // of the goroutines that begin with it
	// Who claims a goroutine that starts with it, and one that nobody claimed yet and that
	// shows it; unseen: nobody.
	starting, showing claim
	// What a goroutine with this stack does: it takes something out of a channel, it
	// reads from or writes to the network, or it gives up a lock.
	receives, reads, writes, unlocks bool
	key                              string                  // the program counters
	chain                            *breakdown.Chain        // nil where the stack leads no further than to its handler
	admitted                         bool                    // by the machine
	waiting                          int                     // requests that wait with this stack, if it is Bare
	causes                           [trace.NumStates]reason // the evidence that rests on it alone, by state
	// Of what the stacks were of states before it that nobody ended, and of waits that
	// it ended; nil where that is not asked for.
	before, ends *evidence
	waits        *waits   // of requests; nil where there were none that have to be followed
	opening      *opening // that it stands for, nil where it is a stack
}

// A reason is a cause for one of the runtime's reasons.
type reason struct {
	cause  *breakdown.Cause
	reason trace.Reason
}

// classify returns what attaches a class to each distinct stack. It runs in the decoder's
// workers, so that the machine has no part in it.
func classify(table *rules.Table) func(*trace.Stack) (attached any, size int) {
	return func(s *trace.Stack) (any, int) {
		frames := make([]breakdown.Frame, len(s.Frames))
		for i, f := range s.Frames {
			frames[i] = breakdown.Frame(f)
		}
		c := newClass(table.Classify(frames))
		c.key = s.Key
		return c, c.size() - c.keySize()
	}
}

// size is what a class takes, in bytes, the share of its key in it keySize.
func (c *class) size() int    { return classSize + len(c.Stack)*frameSize + c.keySize() }
func (c *class) keySize() int { return 2 * len(c.key) }

// admit appends the classes that the machine knows a generation's stacks by. Where there are
// too many to keep them whole, stacks that mean the same share an outline. It is the machine
// that decides this, since it sees the generations in their order.
func (m *machine) admit(known []*class, stacks []*trace.Stack) []*class {
	for i, s := range stacks {
		var c *class
		if s != nil {
			if c = s.Attached.(*class); !c.admitted {
				c = m.classOf(c)
			}
			stacks[i] = nil // what has an outline is not kept whole until the generation ends
		}
		known = append(known, c)
	}
	return known
}

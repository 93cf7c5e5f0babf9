package timeline

import (
	"maps"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// A class is a distinct stack, classified, with what the machine remembers about it.
type class struct {
	*rules.Class
	opening *opening // the opening it stands in for, nil for a real stack
	// Evidence about states before it that no goroutine ended, and about waits that it
	// ended; nil if not needed.
	before, ends *evidence
	waits        *waits // of requests; nil if there were none that have to be followed
	// The claims on a goroutine that starts with it, and on an unclaimed one that
	// shows it; unseen if there is none.
	starting, showing claim
	traits
	// What a goroutine with this stack does: it receives from a channel, reads from
	// or writes to the network, or unlocks a lock.
	receives, reads, writes, unlocks bool
	selects                          bool                          // it sends to a channel, or receives from one
	polls                            bool                          // it waits for something to read from the network, and reads it then
	cuts                             bool                          // it ends others' waits for the network: it closes a connection, or sets a deadline
	admitted                         bool                          // by the machine
	chain                            *breakdown.Chain              // nil if the stack leads no further than to its handler
	root                             *Root                         // of the goroutines that begin with it
	birth                            *birth                        // of the last goroutine that began with it
	older                            *birth                        // of those from before the window that were first seen with it
	common                           *goroutine                    // of those that have only waited with it; nil for none
	causes                           [trace.NumStates]reason       // evidence from this stack alone, by state
	others                           *[trace.NumStates]otherReason // latest evidence from other stacks, while a request waits with this one; may be nil
	waiting                          int                           // requests that wait with this stack, if it is Bare
	rested                           int64                         // waits as for a message, of goroutines without requests
	key                              string                        // the program counters
	from                             *breakdown.Way                // see comes; nil until it is asked for
	toAll                            bool                          // it wakes everyone who waits
	expires                          bool                          // a timer has ended a worker's select with it
	sends, closes                    bool                          // like writes, also to an address; closes a connection
	sleeps, short, shortest          int64                         // sleeps with it, those near the shortest, and that one's length
	prompts, promptly                int64                         // waits with it that were noticed at once, and how long they lasted together
	ended                            releases                      // the waits of requests that goroutines ended with it
	taking                           taking                        // of requests that came while a goroutine was blocked with it
	starts                           bool                          // a goroutine that ended waits of requests started with it
	births, deaths                   int64                         // goroutines created with it in the window, and those of them that ended
}

// Traits are what the machine asks a stack at every event, kept near at hand.
type traits struct {
	past     bool // a wait with it may have to be followed: see needsPast
	external bool // it calls another system
}

// settle sets what follows from the stack's classification.
func (c *class) settle() {
	c.traits = traits{
		past:     !c.GC && (c.Own == nil || c.Own.Bucket == breakdown.Lock || c.Own.Steps || c.Feeds || c.Phase == breakdown.PoolWait),
		external: c.Own != nil && c.Own.Bucket.External(),
	}
	c.starting, c.showing = unseen, unseen
	c.offer()
}

// A reason is a cause for one of the runtime's reasons.
type reason struct {
	cause  *breakdown.Cause
	reason trace.Reason
}

// An otherReason is a reason with the stack that it is from.
type otherReason struct {
	reason
	class *class // nil for none
}

// classify returns a function that attaches a class to each distinct stack. It runs
// in the decoder's workers, so that the machine need not do it.
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

// newClass returns the class of a stack that was classified as of.
func newClass(of *rules.Class) *class {
	c := &class{Class: of}
	c.settle()
	if len(c.Stack) == 0 {
		return c
	}
	c.receives = strings.HasPrefix(c.Stack[0].Function, "runtime.chanrecv")
	c.selects = c.Stack[0].Function == "runtime.selectgo"
	c.reads = c.endsIn("internal/poll.(*FD).Read", "internal/poll.(*FD).RawRead")
	c.writes = c.endsIn("syscall.write", "syscall.Write", "internal/poll.(*FD).Write", "internal/poll.(*FD).Writev", "syscall.sendto")
	c.sends = c.writes || c.endsIn("internal/poll.(*FD).WriteTo", "internal/poll.(*FD).WriteToInet4", "internal/poll.(*FD).WriteToInet6",
		"internal/poll.(*FD).WriteMsg", "internal/poll.(*FD).WriteMsgInet4", "internal/poll.(*FD).WriteMsgInet6")
	// On Windows, data has been read when such a wait ends, and its leaf is another one.
	c.polls = c.Stack[0].Function == "internal/poll.(*FD).Read"
	c.cuts = c.endsIn("internal/poll.setDeadlineImpl", "internal/poll.(*FD).Close")
	c.closes = slices.ContainsFunc(c.Stack, func(f breakdown.Frame) bool { return f.Function == "net.(*conn).Close" })
	c.unlocks = c.endsIn("sync.(*Mutex).Unlock", "sync.(*RWMutex).Unlock", "sync.(*RWMutex).RUnlock",
		"internal/sync.(*Mutex).Unlock", "internal/sync.(*Mutex).unlockSlow", "sync.(*Mutex).unlockSlow")
	c.toAll = c.endsIn("runtime.closechan", "sync.(*Cond).Broadcast", "sync.(*WaitGroup).Add")
	return c
}

// endsIn reports whether one of the functions is near the stack's leaf.
func (c *class) endsIn(functions ...string) bool {
	return slices.ContainsFunc(c.Stack[:min(len(c.Stack), 4)], func(f breakdown.Frame) bool { return slices.Contains(functions, f.Function) })
}

// size returns the size of a class in bytes, and keySize the part of its key.
func (c *class) size() int    { return classSize + len(c.Stack)*frameSize + c.keySize() }
func (c *class) keySize() int { return 2 * len(c.key) }

// admit appends the machine's classes for a generation's stacks to known and returns
// the result. If there are too many to keep whole, stacks that mean the same share an
// outline. The machine decides this, because it sees the generations in order.
func (m *machine) admit(known []*class, stacks []*trace.Stack) []*class {
	for i, s := range stacks {
		var c *class
		if s != nil {
			if c = s.Attached.(*class); !c.admitted {
				c = m.classOf(c)
			}
			stacks[i] = nil // a stack with an outline need not be kept until the generation ends
		}
		known = append(known, c)
	}
	return known
}

// reclassify replaces what the stack means.
func (c *class) reclassify(as *rules.Class) {
	c.Class, c.causes, c.common = as, [trace.NumStates]reason{}, nil
	c.settle()
}

// mostMoves bounds the passes over the stacks after the service's code turned out to be
// elsewhere: in the module of main, then in those of handlers.
const mostMoves = 4

// move classifies the stacks so far anew, and the latest, because what they showed
// together changed whose code the service's is.
func (m *machine) move(latest *class) {
	all := append(slices.Collect(maps.Values(m.admitted)), latest)
	for range mostMoves {
		changed := false
		for _, c := range all {
			c.reclassify(m.home.Classify(c.Stack))
		}
		for _, c := range all {
			changed = m.home.See(c.Class) || changed
		}
		if !changed {
			break
		}
	}
	clear(m.led)
	for _, c := range m.admitted {
		c.chain = m.chainOf(c)
		m.lead(c)
	}
	clear(m.cause)
	clear(m.replied)
}

// lead records the frames that were seen to lead requests on to handlers.
func (m *machine) lead(c *class) {
	for _, f := range c.Led {
		if m.led == nil {
			m.led = map[breakdown.Frame]bool{}
		}
		m.led[f] = true
	}
}

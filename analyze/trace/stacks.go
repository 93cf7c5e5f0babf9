package trace

import (
	"encoding/binary"
	"strings"
	"sync"

	xtrace "golang.org/x/exp/trace"
)

// A Frame is one call on a stack.
type Frame struct {
	Function string
	File     string
	Line     int
}

// A Stack is a distinct stack, shared by generations. Stacks with equal program counters are
// the same: a process does not change them while it runs.
type Stack struct {
	// Key is the program counters, innermost first, eight bytes each, little-endian. It
	// identifies the stack in the whole trace.
	Key string
	// Frames are the calls, innermost first, as many as Key has program counters. They are
	// nil if the Reader has an Attach function.
	Frames []Frame
	// Attached is what the Reader's Attach function returned for this stack.
	Attached any
}

// PC returns the program counter of the i-th call, innermost first.
func (s *Stack) PC(i int) uint64 {
	return binary.LittleEndian.Uint64([]byte(s.Key[8*i : 8*i+8]))
}

// The sizes of a stack and of a frame, in bytes, with their share of maps and strings.
const (
	stackSize = 200
	frameSize = 48
)

// shared is what the decoders of a trace's generations share: the distinct stacks, the
// strings of their frames, and the numbers of the reasons.
type shared struct {
	attach func(*Stack) (attached any, size int)
	most   int // bytes that byKey and strings may hold, 0 for no bound

	mu      sync.Mutex
	byKey   map[string]*Stack
	strings map[string]string
	held    int // bytes
	numbers map[string]Reason
	reasons []string // by number
}

func newShared(o Options) *shared {
	c := &shared{attach: o.Attach, most: int(o.Budget.Stacks), byKey: map[string]*Stack{}, strings: map[string]string{},
		numbers: map[string]Reason{}, reasons: append([]string(nil), reasonNames[:]...)}
	for name, n := range reasonNumbers {
		c.numbers[name] = n
	}
	return c
}

// stackOf returns the Stack for a stack of the ordinary reader, nil for an empty one.
func (c *shared) stackOf(s xtrace.Stack) *Stack {
	var key []byte
	n := 0
	for f := range s.Frames() {
		key = binary.LittleEndian.AppendUint64(key, f.PC)
		n++
	}
	if n == 0 {
		return nil
	}
	return c.stack(key, func() []Frame {
		frames := make([]Frame, 0, n)
		for f := range s.Frames() {
			frames = append(frames, Frame{c.intern(f.Func), c.intern(f.File), int(f.Line)})
		}
		return frames
	})
}

// stack returns the stack with these program counters, of which there must be at least one.
// It calls framesOf only for a new stack.
func (c *shared) stack(key []byte, framesOf func() []Frame) *Stack {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.byKey[string(key)]; ok {
		return known
	}
	s := &Stack{Key: string(key), Frames: framesOf()}
	size := stackSize + len(s.Frames)*frameSize
	if c.attach != nil {
		s.Attached, size = c.attach(s)
		s.Frames = nil
	}
	size += 2 * len(s.Key)
	if c.held += size; c.most > 0 && c.held > c.most {
		// The tables only save work: generations keep the stacks that they have.
		clear(c.byKey)
		clear(c.strings)
		c.held = size
	}
	c.byKey[s.Key] = s
	return s
}

// intern returns a copy of a string that does not keep a generation's bytes alive. Equal
// strings share one copy. The caller must hold the lock.
func (c *shared) intern(s string) string {
	if known, ok := c.strings[s]; ok {
		return known
	}
	s = strings.Clone(s)
	c.strings[s] = s
	return s
}

// maxReasons is how many reasons have distinct numbers. Later ones share the next number,
// with the name of the first of them.
const maxReasons = 255

// reasonOf returns the Reason with that name. It assigns the next number to a new one.
func (c *shared) reasonOf(name string) Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.numbers[name]
	if !ok {
		n = Reason(min(len(c.reasons), maxReasons))
		name = strings.Clone(name)
		c.numbers[name] = n
		if int(n) == len(c.reasons) {
			c.reasons = append(c.reasons, name)
		}
	}
	return n
}

func (c *shared) reasonName(n Reason) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reasons[n]
}

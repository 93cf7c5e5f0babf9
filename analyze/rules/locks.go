package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// The functions that take and release a lock that readers share.
var (
	readLocks    = []string{"sync.(*RWMutex).RLock"}
	readUnlocks  = []string{"sync.(*RWMutex).RUnlock", "sync.(*RWMutex).rUnlockSlow"}
	writeUnlocks = []string{"sync.(*RWMutex).Unlock"}
)

// LocksToRead reports whether a stack takes a lock that readers share, as a reader.
func LocksToRead(stack []breakdown.Frame) bool { return shows(stack, readLocks) }

// UnlocksReader reports whether a stack releases such a lock as a reader, and
// UnlocksWriter whether it does so as a writer.
func UnlocksReader(stack []breakdown.Frame) bool { return shows(stack, readUnlocks) }
func UnlocksWriter(stack []breakdown.Frame) bool { return shows(stack, writeUnlocks) }

// Yields reports whether a goroutine with a stack gave the processor up by itself, to go on
// when others have run.
func Yields(stack []breakdown.Frame) bool {
	return len(stack) > 1 && stack[0].Function == "runtime.Gosched" && packageOf(stack[1].Function) != "runtime"
}

// polls are functions that return at once, as a sleep of no time does, and a select with a
// default. Code that mostly computes in them, or in loads and comparisons of package
// sync/atomic, asks again and again.
var polls = []string{"runtime.Gosched", "time.Sleep", "runtime.selectnbrecv", "runtime.selectnbsend"}

// Polls reports whether a function that is called again and again shows that its caller
// waits for something else without being woken.
func Polls(called string) bool {
	atomic, ok := strings.CutPrefix(called, "sync/atomic.")
	return ok && (strings.Contains(atomic, "CompareAndSwap") || strings.Contains(atomic, "Load")) || slices.Contains(polls, called)
}

// shows reports whether one of the functions is near the stack's leaf.
func shows(stack []breakdown.Frame, functions []string) bool {
	const near = 6 // the runtime's functions are below
	return slices.ContainsFunc(stack[:min(len(stack), near)], func(f breakdown.Frame) bool { return slices.Contains(functions, f.Function) })
}

package rules

import (
	"slices"

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

// shows reports whether one of the functions is near the stack's leaf.
func shows(stack []breakdown.Frame, functions []string) bool {
	const near = 6 // the runtime's functions are below
	return slices.ContainsFunc(stack[:min(len(stack), near)], func(f breakdown.Frame) bool { return slices.Contains(functions, f.Function) })
}

//go:build ignore

package main

import "iter"

func init() { activities = append(activities, pull) }

// pull switches between coroutines, which exist since Go 1.23. It drains one and stops the
// other early.
func pull() {
	count := func(yield func(int) bool) {
		for i := 0; i < 10 && yield(i); i++ {
		}
	}
	next, _ := iter.Pull(count)
	for _, ok := next(); ok; _, ok = next() {
	}
	next, stop := iter.Pull(count)
	next()
	stop()
}

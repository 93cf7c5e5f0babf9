//go:build ignore

package main

import "iter"

func init() { activities = append(activities, pull) }

// pull switches between coroutines, which there are from Go 1.23 on. One is
// drained, the other ended before.
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

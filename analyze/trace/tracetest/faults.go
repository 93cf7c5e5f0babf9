package tracetest

import (
	"slices"
	"testing"
)

// A Fault is a way to rearrange the generations of a trace. Each func takes the last place
// and returns places from 0 to last.
type Fault struct {
	Name string
	Row  func(last int) []int // the places in the faulty trace, in order
	// Stretches are what should be read of it, each from one place to another without a gap.
	Stretches               func(last int) [][2]int
	Missing, Late, Repeated func(last int) []int // what should be reported
}

func noPlace(int) []int { return nil }

func only(i int) func(int) []int { return func(int) []int { return []int{i} } }

func whole(last int) [][2]int { return [][2]int{{0, last}} }

// Faults are the faults to test.
var Faults = []Fault{
	{"nothing is wrong", func(last int) []int { return Places(0, last) }, whole, noPlace, noPlace, noPlace},
	{"the first is missing", func(last int) []int { return Places(1, last) },
		func(last int) [][2]int { return [][2]int{{1, last}} }, noPlace, noPlace, noPlace},
	{"the second is missing", func(last int) []int { return slices.Delete(Places(0, last), 1, 2) },
		func(last int) [][2]int { return [][2]int{{0, 0}, {2, last}} }, only(1), noPlace, noPlace},
	{"all but the first and last are missing", func(last int) []int { return []int{0, last} },
		func(last int) [][2]int { return [][2]int{{0, 0}, {last, last}} },
		func(last int) []int { return Places(1, last-1) }, noPlace, noPlace},
	{"the first two are swapped", func(last int) []int { return append([]int{1, 0}, Places(2, last)...) },
		func(last int) [][2]int { return [][2]int{{1, last}} }, noPlace, only(0), noPlace},
	{"the last two are swapped", func(last int) []int { return append(Places(0, last-2), last, last-1) },
		func(last int) [][2]int { return [][2]int{{0, last - 2}, {last, last}} },
		noPlace, func(last int) []int { return []int{last - 1} }, noPlace},
	{"they are reversed", func(last int) []int { all := Places(0, last); slices.Reverse(all); return all },
		func(last int) [][2]int { return [][2]int{{last, last}} }, noPlace, func(last int) []int { return Places(0, last-1) }, noPlace},
	{"one is doubled", func(last int) []int { return slices.Insert(Places(0, last), 1, 1) }, whole, noPlace, noPlace, only(1)},
	{"the last is doubled", func(last int) []int { return append(Places(0, last), last) }, whole,
		noPlace, noPlace, func(last int) []int { return []int{last} }},
	{"all come twice", func(last int) []int { return append(Places(0, last), Places(0, last)...) }, whole,
		noPlace, noPlace, func(last int) []int { return Places(0, last) }},
	{"two dumps overlap", func(last int) []int { return append(Places(0, 2), Places(1, last)...) }, whole,
		noPlace, noPlace, func(int) []int { return []int{1, 2} }},
	{"one comes late and twice", func(last int) []int { return append(slices.Delete(Places(0, last), 1, 2), 1, 1) },
		func(last int) [][2]int { return [][2]int{{0, 0}, {2, last}} }, noPlace, only(1), only(1)},
}

// FaultyTraces returns seeds for fuzzing: all Faults of a trace in which an event ends each
// generation, and of one in which none does.
func FaultyTraces(t testing.TB) (all [][]byte) {
	for _, name := range []string{"go1.22", "go1.26"} {
		a := Rows(t)[name]
		for _, f := range Faults {
			all = append(all, a.Trace(f.Row(len(a.Parts)-1)...))
		}
		all = append(all, append(a.Trace(0), a.Trace(1)...), a.Trace(0)[:len(a.Header)+len(a.Parts[0])/2])
	}
	return all
}

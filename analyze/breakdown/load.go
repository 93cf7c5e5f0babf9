package breakdown

import "slices"

// A Load is how long goroutines ran in each slice of time, on all processors together. The
// zero value is empty and ready to use.
type Load struct {
	Width int64   // of a slice, ns; 0 while it is empty
	First int64   // the first slice begins at First * Width on the trace's clock
	Ran   []int64 // ns, by slice
	Turns int64   // how many stretches of running time there were
	last  slice   // that was added to: often the next stretch lies there too
}

// A slice is the stretch of time [start, end) that Ran[index] is for. The zero slice holds
// no time.
type slice struct {
	start, end int64
	index      int
}

const (
	// loadWidth is the width of a slice as long as no more than mostSlices of them are
	// needed. Otherwise the slices are wider, so that any load takes 1 MB at most.
	loadWidth  = 1_000_000
	mostSlices = 1 << 17
)

// Add counts a stretch of running time, in ns on the trace's clock. Stretches may come in
// any order.
func (l *Load) Add(start, end int64) {
	if start >= end {
		return
	}
	l.Turns++
	for start < end {
		if start < l.last.start || start >= l.last.end {
			n := l.reach(start)
			l.last = slice{n * l.Width, (n + 1) * l.Width, int(n - l.First)}
		}
		to := min(end, l.last.end)
		l.Ran[l.last.index] += to - start
		start = to
	}
}

// reach makes room for the slice of a moment and returns its number.
func (l *Load) reach(at int64) int64 {
	if l.Width == 0 {
		l.Width = loadWidth
		l.First = at / l.Width
	}
	for {
		slice := at / l.Width
		first, last := min(slice, l.First), max(slice, l.First+int64(len(l.Ran))-1)
		if last-first >= mostSlices {
			l.widen()
			continue
		}
		if first < l.First {
			l.Ran = slices.Concat(make([]int64, l.First-first), l.Ran)
			l.First = first
		}
		if n := int(last-l.First) + 1 - len(l.Ran); n > 0 {
			l.Ran = append(l.Ran, make([]int64, n)...)
		}
		return slice
	}
}

// widen makes two slices one.
func (l *Load) widen() {
	first := l.First / 2
	wide := make([]int64, (l.First+int64(len(l.Ran))-1)/2-first+1)
	for i, t := range l.Ran {
		wide[(l.First+int64(i))/2-first] += t
	}
	l.First, l.Ran, l.Width, l.last = first, wide, 2*l.Width, slice{}
}

// Without returns the load without a part of it.
func (l *Load) Without(part *Load) *Load {
	rest, minus := *l, *part
	rest.Ran = slices.Clone(l.Ran)
	rest.Turns = max(0, l.Turns-part.Turns)
	if minus.Width == 0 {
		return &rest
	}
	for rest.Width < minus.Width {
		rest.widen()
	}
	for minus.Width < rest.Width {
		minus.widen()
	}
	for i, t := range minus.Ran {
		if k := minus.First + int64(i) - rest.First; k >= 0 && k < int64(len(rest.Ran)) {
			rest.Ran[k] = max(0, rest.Ran[k]-t)
		}
	}
	return &rest
}

// Total returns the sum over the slices, in ns.
func (l *Load) Total() int64 {
	sum := int64(0)
	for _, t := range l.Ran {
		sum += t
	}
	return sum
}

package analyze

// tries counts requests by how many calls they make in one way: one, two, and so on, the
// last for as many or more.
type tries [8]int64

func (t *tries) add(calls, requests int64) { t[min(calls, int64(len(t)))-1] += requests }

func (t *tries) merge(o *tries) {
	for i, n := range o {
		t[i] += n
	}
}

// once returns the share of the requests that make one call.
func (t *tries) once() float64 { return float64(t[0]) / float64(max(t.from(0), 1)) }

// from returns how many requests make more than i calls.
func (t *tries) from(i int) (n int64) {
	for _, requests := range t[i:] {
		n += requests
	}
	return n
}

const (
	// enoughTries is the number of calls from which it is known how often the next one
	// is the last.
	enoughTries = 20
	// oftenOnce is the least share of the requests with one call.
	oftenOnce = 0.1
	// rises is how much more often a later call is the last than the first one, at most.
	rises = 1.25
)

// are reports whether requests go on as they do if each call may be enough: the first is
// as often the last as those after it. A list has some items or pages in most requests,
// so that the more calls there were, the more often the last one is among the next. The
// most calls of a request do not count: there, tries are given up.
func (t *tries) are() bool {
	most := len(t)
	for most > 0 && t[most-1] == 0 {
		most--
	}
	ended, made := int64(0), int64(0)
	for i := 1; i < most-1; i++ {
		ended, made = ended+t[i], made+t.from(i)
	}
	return t.from(0) >= enoughTries && made >= enoughTries && t.once() >= oftenOnce && float64(ended)/float64(made) <= rises*t.once()
}

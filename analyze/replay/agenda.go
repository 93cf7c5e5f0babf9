package replay

// An agenda holds tasks that go on in turn, the earliest at the front: it is a heap.
type agenda []due

// A due is when a task's turn is. Of two at the same moment, the one added first comes
// first.
type due struct {
	at, seq int64
	task    *task
}

func (d *due) before(o *due) bool { return d.at < o.at || d.at == o.at && d.seq < o.seq }

// add adds a turn.
func (a *agenda) add(d due) {
	h := append(*a, d)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	*a = h
}

// next takes out the earliest turn. There must be one.
func (a *agenda) next() due {
	h := *a
	first, n := h[0], len(h)-1
	h[0], h[n] = h[n], due{}
	h = h[:n]
	for i := 0; ; {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < n && h[k].before(&h[least]) {
				least = k
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*a = h
	return first
}

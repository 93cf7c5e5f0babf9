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
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !d.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = d
	*a = h
}

// next takes out the earliest turn. There must be one.
func (a *agenda) next() due {
	h := *a
	n := len(h) - 1
	first, moved := h[0], h[n]
	h[n] = due{}
	*a = h[:n]
	if h = *a; n > 0 {
		i := 0
		for least := 1; least < n; least = 2*i + 1 {
			if next := least + 1; next < n && h[next].before(&h[least]) {
				least = next
			}
			if !h[least].before(&moved) {
				break
			}
			h[i] = h[least]
			i = least
		}
		h[i] = moved
	}
	return first
}

package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file finds out who ended the waits of requests in the service's own code. It
// distinguishes work done for a request from news that others had for it.

// mostWaits bounds how many kinds of waits are kept of a request, and mostTellers
// through how many goroutines news is traced back.
const (
	mostWaits   = 64
	mostTellers = 8
)

// waited records a wait of a request's own goroutine in the service's own code. If
// news ended it, it returns when the news came, otherwise 0.
func (m *machine) waited(r *request, iv *interval, time int64) (news int64) {
	wait := breakdown.Waited{Site: &iv.class.Site, Count: 1, Time: time}
	news = m.endedBy(r, iv, &wait)
	for i := len(r.Waits) - 1; i >= 0; i-- {
		if have := &r.Waits[i]; have.Site == wait.Site && have.By == wait.By && wait.By <= breakdown.ByTimer {
			have.Count++
			have.Time += time
			return news
		}
	}
	if len(r.Waits) < mostWaits {
		r.Waits = append(r.Waits, wait)
	}
	return news
}

// endedBy determines what ended a wait. It follows the wakers backward. A goroutine
// that was given something by the request worked for it. So did one that was busy
// throughout, first with work that was already there. A goroutine that had nothing to
// do until it had news, or until another request came, did not.
func (m *machine) endedBy(r *request, iv *interval, wait *breakdown.Waited) (news int64) {
	if iv.open {
		wait.By = breakdown.ByNobody
		return 0
	}
	waker, by, at := iv.waker, iv.wakerClass, iv.end
	for range mostTellers {
		if waker == nil || waker.timed && waker.born > iv.start && m.worksFor(waker) == nil {
			if iv.reason != trace.ReasonSync && !r.works(iv) {
				wait.By = breakdown.ByTimer
			}
			return 0
		}
		if waker.start != nil && waker.start.Role == rules.Background {
			wait.By = breakdown.ByNobody
			return 0
		}
		if _, _, ok := m.replies(r, waker, by, iv.start, at); ok {
			return 0
		}
		if other := m.worksFor(waker); other == r {
			return 0
		} else if other != nil && !waker.borrowed {
			if other.Endpoint != "" {
				wait.By, wait.Teller = breakdown.ByRequest, other.teller(by)
				wait.Later = other.Start > iv.start
			}
			return 0
		}
		idle := waker.idleBefore(at)
		switch {
		case idle == nil && waker.fresh && waker.born > iv.start && waker.creator != nil:
			waker, by, at = waker.creator, waker.created, waker.born
			continue
		case idle == nil || idle.end <= iv.start || idle.isCall():
			return 0
		case idle.waker != nil:
			waker, by, at = idle.waker, idle.wakerClass, idle.end
			continue
		case !r.asked && idle.isNews():
			wait.By = breakdown.ByNews
			wait.First, wait.Last = waker.news != idle.end, iv.class.waiting == 0
			waker.ensureRare().news, news = idle.end, idle.end
		}
		return news
	}
	return 0
}

// works reports whether a goroutine that the service started for the request existed
// during a wait.
func (r *request) works(iv *interval) bool {
	return slices.ContainsFunc(r.branches, func(g *goroutine) bool {
		return g.ofHandlers() && g.born < iv.end && (!g.dead || g.died() > iv.start)
	})
}

// teller returns what the request's stack shows of its handler.
func (r *request) teller(c *class) breakdown.Teller {
	t := breakdown.Teller{Endpoint: r.Endpoint}
	if c != nil && c.Depth == r.depth {
		t.Chain = c.chain
	}
	return t
}

// idleBefore returns the last wait of a goroutine before a moment. It returns nil if
// the goroutine did anything but run since then, or is not known to have waited.
// Waiting for a lock is not waiting for work.
func (g *goroutine) idleBefore(at int64) *interval {
	for i := len(g.past) - 1; i >= 0; i-- {
		switch iv := &g.past[i]; {
		case iv.start >= at, iv.state == trace.StateRunning, iv.state == trace.StateRunnable:
		case iv.state != trace.StateWaiting || iv.class == nil || iv.reason == trace.ReasonGC:
			return nil
		case iv.class.Own != nil && iv.class.Own.Bucket == breakdown.Lock:
		default:
			return iv
		}
	}
	return nil
}

// isCall reports whether the wait is for another system, or for a place in its pool.
func (iv *interval) isCall() bool {
	return iv.class.Own != nil && iv.class.Own.Bucket.External() && iv.class.Role != rules.Fetch
}

// isNews reports whether the wait was for a timer, or a consumer's wait for more
// work.
func (iv *interval) isNews() bool {
	switch c := iv.class; {
	case c.Role == rules.Fetch:
		return true
	case c.Own != nil:
		return c.Own.Bucket == breakdown.Sleep
	}
	return iv.reason == trace.ReasonSleep || iv.reason == trace.ReasonRecv || iv.reason == trace.ReasonSelect
}

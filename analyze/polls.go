package analyze

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A waitSite is a place in the service's code where requests wait, with what ended
// their waits. A wait is a poll if news ended it: from another request that began
// later, or from an idle goroutine that serves no request. Queueing ends through a
// waker that was there before and was busy; work done for the request ends through a
// goroutine that it was handed to.
type waitSite struct {
	own, timers int64
	tellers     map[breakdown.Teller]*told
	// Waits ended by goroutines that serve no request: news counts the waits, times how
	// often there was news, and emptied how often it left no request waiting.
	news, times, emptied int64
}

// told counts the waits that requests of one handler ended, and those of them that had
// begun before the request that ended them.
type told struct{ all, later int64 }

// polls collects the places where requests wait.
type polls struct {
	*account
	byFrame map[*breakdown.Frame]*waitSite // one place may have several frames
	at      map[breakdown.Frame]*waitSite
}

func newPolls(a *account) *polls {
	return &polls{account: a, byFrame: map[*breakdown.Frame]*waitSite{}, at: map[breakdown.Frame]*waitSite{}}
}

// add counts where a request waited and adds how long, in ns, to waited, its endpoint's
// sums by place. It returns waited, which may be nil before and after.
func (p *polls) add(r *breakdown.Request, waited map[*waitSite]*int64) map[*waitSite]*int64 {
	for i := range r.Waits {
		w := &r.Waits[i]
		s := p.site(w.Site)
		if s == nil {
			continue
		}
		s.add(w)
		sum := waited[s]
		if sum == nil {
			if !p.spend(sumSize) {
				continue
			}
			if waited == nil {
				waited = map[*waitSite]*int64{}
			}
			sum = new(int64)
			waited[s] = sum
		}
		*sum += w.Time
	}
	return waited
}

// site returns the place of a frame, nil if there is no room for it.
func (p *polls) site(at *breakdown.Frame) *waitSite {
	s, ok := p.byFrame[at]
	if ok {
		return s
	}
	if s = p.at[*at]; s == nil && p.spend(sumSize) {
		s = &waitSite{}
		p.at[*at] = s
	}
	p.byFrame[at] = s
	return s
}

func (s *waitSite) add(w *breakdown.Waited) {
	switch w.By {
	case breakdown.ByOwn:
		s.own += w.Count
	case breakdown.ByTimer:
		s.timers += w.Count
	case breakdown.ByRequest:
		if s.tellers == nil {
			s.tellers = map[breakdown.Teller]*told{}
		}
		t := s.tellers[w.Teller]
		if t == nil {
			t = &told{}
			s.tellers[w.Teller] = t
		}
		t.all++
		if w.Later {
			t.later++
		}
	case breakdown.ByNews:
		s.news++
		if w.First {
			s.times++
		}
		if w.Last {
			s.emptied++
		}
	}
}

// isPoll reports whether requests wait for news at a place. The endpoints in waiting,
// whose requests wait there, bring each other no news: they share what they wait for.
// News wakes everyone who waits; otherwise it would look the same as a rate limit.
func (s *waitSite) isPoll(waiting map[string]bool, handler func(breakdown.Teller) string) bool {
	const few = 2
	told, own := int64(0), s.own
	for t, n := range s.tellers {
		if waiting[handler(t)] || n.later < few {
			own += n.all
		} else {
			told += n.all
		}
	}
	if 2*s.emptied >= s.times && (2*s.news >= 3*s.times || s.timers > 0 || told > 0) {
		told += s.news
	} else {
		own += s.news
	}
	return told >= few && 4*own <= told+s.timers
}

// markPolls marks, in their kind, the endpoints that spend most of their time where
// requests wait for news.
func (s *settled) markPolls() {
	handler := func(t breakdown.Teller) string {
		r := breakdown.Request{Endpoint: t.Endpoint}
		if t.Chain != nil {
			r.Chains = append(r.Chains, t.Chain)
		}
		return s.passages.Handler(&r)
	}
	waiting := map[*waitSite]map[string]bool{}
	for _, e := range s.byKey {
		for at := range e.waited {
			if waiting[at] == nil {
				waiting[at] = map[string]bool{}
			}
			waiting[at][e.key.name] = true
		}
	}
	polls := map[*waitSite]bool{}
	for at, by := range waiting {
		polls[at] = at.isPoll(by, handler)
	}
	for _, e := range slices.SortedFunc(maps.Values(s.byKey), func(a, b *endpoint) int { return cmp.Compare(a.nth, b.nth) }) {
		polled := int64(0)
		for at, t := range e.waited {
			if polls[at] {
				polled += *t
			}
		}
		if polled > 0 && 2*polled >= e.wallTotal+e.incompleteTime && mayPoll(e.key.kind) {
			delete(s.byKey, e.key)
			e.key.kind += breakdown.LongPolling
			s.byKey[e.key] = e
		}
	}
}

// mayPoll reports whether requests of a kind have a client that waits for the response
// and are not streams.
func mayPoll(kind string) bool {
	return (strings.HasPrefix(kind, "http/") || strings.HasPrefix(kind, "grpc")) && !strings.HasSuffix(kind, breakdown.Streaming)
}

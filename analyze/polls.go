package analyze

import (
	"strings"

	"timesink/analyze/breakdown"
)

// A waitSite is a place in the service's code where requests wait, and what ended
// their waits. What news end, from other requests or from a goroutine that has none
// and had nothing to do, is a poll: queueing ends by who was there before and was
// busy, and what is done for the request by who was given it.
type waitSite struct {
	own, timers int64
	tellers     map[breakdown.Teller]*told
	// By goroutines of no request: how many waits, how many times there were news,
	// and how many times these left no request waiting.
	news, times, emptied int64
}

// told is how many waits requests of one handler ended, and how many of these had
// begun before the request that did.
type told struct{ all, later int64 }

// addWaits counts where a request waited.
func (e *endpoint) addWaits(r *breakdown.Request) {
	for i := range r.Waits {
		w := &r.Waits[i]
		s := e.fold.waitSite(w.Site)
		if s == nil {
			continue
		}
		s.add(w)
		sum := e.waited[s]
		if sum == nil {
			if !e.fold.spend(sumSize) {
				continue
			}
			if e.waited == nil {
				e.waited = map[*waitSite]*int64{}
			}
			sum = new(int64)
			e.waited[s] = sum
		}
		*sum += w.Time
	}
}

// waitSite is the place of that frame, nil where there is no room for it.
func (f *fold) waitSite(at *breakdown.Frame) *waitSite {
	s, ok := f.waits[at]
	if ok {
		return s
	}
	if s = f.waitsAt[*at]; s == nil && f.spend(sumSize) {
		s = &waitSite{}
		f.waitsAt[*at] = s
	}
	f.waits[at] = s
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

// isPoll tells a place where requests wait for news. Endpoints whose requests wait
// there do not tell each other any: they share what they wait for. News are for all
// who wait, or else one could not tell them from a rate that somebody is held to.
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

// tellPolls finds the endpoints that spend most of their time where requests wait
// for news, and tells their kind.
func (f *fold) tellPolls() {
	handler := func(t breakdown.Teller) string {
		r := breakdown.Request{Endpoint: t.Endpoint}
		if t.Chain != nil {
			r.Chains = append(r.Chains, t.Chain)
		}
		return f.passages.Handler(&r)
	}
	waiting := map[*waitSite]map[string]bool{}
	for _, e := range f.byKey {
		for s := range e.waited {
			if waiting[s] == nil {
				waiting[s] = map[string]bool{}
			}
			waiting[s][e.key.name] = true
		}
	}
	polls := map[*waitSite]bool{}
	for s, by := range waiting {
		polls[s] = s.isPoll(by, handler)
	}
	for _, e := range f.all() {
		polled := int64(0)
		for s, t := range e.waited {
			if polls[s] {
				polled += *t
			}
		}
		if polled > 0 && 2*polled >= e.wallTotal+e.incompleteTime && mayPoll(e.key.kind) {
			delete(f.byKey, e.key)
			e.key.kind += breakdown.LongPolling
			f.byKey[e.key] = e
		}
	}
}

// mayPoll tells the kinds of requests that answer a client who waits for that.
func mayPoll(kind string) bool {
	return (strings.HasPrefix(kind, "http/") || strings.HasPrefix(kind, "grpc")) && !strings.HasSuffix(kind, breakdown.Streaming)
}

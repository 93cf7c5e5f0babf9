package analyze

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A board is a handler that no router led to, with the functions that it calls. It may be
// a router itself, with a call for each route:
//
//	switch r.URL.Path {
//	case "/a": s.a(w, r)
//	case "/b": s.b(w, r)
//	}
//
// In one stack that looks like a handler that calls a function. It is a router if each
// request goes to one of several functions and never to two of them, so often that
// chance does not explain it. Functions that requests to several of these call as well,
// such as one that logs, do not count.
type board struct {
	callSite
	together map[routePair]int64 // requests that called both
	// plain is set once requests were seen to call too many functions for a router.
	plain bool
}

// A routePair is two callees by number, the smaller first.
type routePair struct{ a, b int }

// mostRoutes bounds the functions of a board, mostBeside those that one request calls.
const (
	mostRoutes = 256
	mostBeside = 4
)

// learnRoute records the first call of a chain whose handler may be a router. It returns
// nil if it is none, and the outdated endpoints: see see.
func (t *routing) learnRoute(c *breakdown.Chain) (route *callee, outdated []*endpoint) {
	first, next := (*c)[0], (*c)[1]
	if !first.Unrouted || first.File == "" {
		return nil, nil
	}
	b := t.boards[first.Function]
	if b == nil {
		if !t.spend(calleeSize) {
			return nil, nil
		}
		b = &board{callSite: callSite{callers: []string{first.Function}}, together: map[routePair]int64{}}
		b.board = b
		t.boards[first.Function] = b
	}
	i := slices.IndexFunc(b.callees, func(k *callee) bool { return k.function == next.Function })
	if i < 0 {
		if b.plain || !t.spend(calleeSize) {
			return nil, nil
		}
		if b.plain = len(b.callees) == mostRoutes; b.plain {
			return nil, nil
		}
		t.callees++
		i = len(b.callees)
		b.callees = append(b.callees, &callee{at: &b.callSite, id: t.callees, function: next.Function, own: isWithin(next.Function, first.Function)})
		if b.several() {
			outdated, b.users = b.users, nil
		}
	}
	k := b.callees[i]
	if at := (sourceLine{first.File, first.Line}); !slices.Contains(k.lines, at) {
		k.lines = append(k.lines, at)
	}
	return k, outdated
}

// note counts the functions of a board that one request called.
func (b *board) note(seen []*callee) {
	var routes []*callee
	for _, k := range seen {
		if k.at == &b.callSite {
			routes = append(routes, k)
		}
	}
	b.plain = b.plain || len(routes) > mostBeside
	for i, k := range routes {
		for _, o := range routes[:i] {
			p := routePair{min(k.id, o.id), max(k.id, o.id)}
			if b.together[p]++; b.together[p] == 1 {
				k.beside++
				o.beside++
			}
		}
	}
}

// isShared reports whether requests to several others call k as well.
func (k *callee) isShared() bool { return k.beside > 1 }

// chance is how many requests would have to go to two routes by chance, if none did, to
// rule that out.
const chance = 8

// routes returns the functions that a board leads requests to, nil if it is no router.
// requests counts those that may have gone there, seen or not.
func (b *board) routes(requests int64) (routes []*callee) {
	if b.plain {
		return nil
	}
	seen, expected := int64(0), 0.0
	for _, k := range b.callees {
		if k.own || k.isShared() {
			continue
		}
		if k.beside > 0 && slices.ContainsFunc(routes, func(o *callee) bool {
			return b.together[routePair{min(k.id, o.id), max(k.id, o.id)}] > 0
		}) {
			return nil
		}
		expected += float64(seen) * float64(k.requests) / float64(max(requests, 1))
		seen += k.requests
		routes = append(routes, k)
	}
	if expected < chance {
		return nil
	}
	return routes
}

// routedBy returns the routes of the board that a callee belongs to, nil if it belongs to
// none or that is no router.
func (v *naming) routedBy(k *callee) []*callee {
	b := k.at.board
	if b == nil {
		return nil
	}
	routes, ok := v.routes[b]
	if !ok {
		routes = b.routes(v.requests[b.callers[0]] + v.requests[breakdown.Unnamed])
		v.routes[b] = routes
	}
	return routes
}

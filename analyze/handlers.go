package analyze

import (
	"slices"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A routing tells middleware from handlers. A dispatch calls both, and both call other
// functions. Middleware calls whatever it wraps, one function for each request; a
// handler calls what its source names, the same for all. So a call that leads requests
// to several functions, each request to one of them, passes them on, and what it calls
// is the handler. This is known only after all requests. Until then requests are
// counted by what they were seen to call, and the sums are added up at the end.
type routing struct {
	*account
	calls   map[sourceLine]*callSite
	of      map[string][]*callSite // by the function that calls
	boards  map[string]*board      // by the function that calls
	chains  map[*breakdown.Chain][]*callee
	called  map[string]int           // the number of call sites of a function
	led     map[string]bool          // the functions that were seen to lead requests on to the service's handlers
	ledFrom map[breakdown.Frame]bool // the same, with the lines from which they did
	callees int
	groups  map[string]*group
	one     []*callee // for the request at hand
}

// A sourceLine is a line of the service's source. The compiler may turn one closure
// into several functions, but each keeps its lines.
type sourceLine struct {
	file string
	line int
}

// A callSite is a line that calls functions to which a request may have been passed on.
type callSite struct {
	callers []string
	callees []*callee
	board   *board // that it is a part of, nil for a line
	// users are the endpoints whose requests passed here while only one function had
	// been called here.
	users []*endpoint
}

// A callee is one of the functions called at a call site.
type callee struct {
	at       *callSite
	id       int
	function string
	// own is set for a closure in the caller's source: nothing was passed on to it.
	own bool
	// dispatched is set for a library's handler, within if the caller is one too.
	dispatched, within bool
	from               []origin
	// requests counts the requests seen to call it, alone those of them not seen to
	// call another callee here.
	requests, alone int64
	// lines and beside are for a callee of a board: where it is called, and the number
	// of others that requests were seen to call too.
	lines  []sourceLine
	beside int
}

// An origin is a call, as a compiled function and an address in it. If it was a library's
// function that called for it, via is that with its line.
type origin struct {
	caller string
	pc     uint64
	via    breakdown.Frame
}

// A group is the set of functions that requests of one endpoint were seen to call, each
// at a call site with several callees.
type group struct{ callees []*callee }

func newRouting(a *account) *routing {
	return &routing{account: a, calls: map[sourceLine]*callSite{}, of: map[string][]*callSite{}, chains: map[*breakdown.Chain][]*callee{},
		called: map[string]int{}, led: map[string]bool{}, ledFrom: map[breakdown.Frame]bool{}, boards: map[string]*board{}, groups: map[string]*group{}}
}

// lead takes the frames that a trace showed to lead requests on.
func (t *routing) lead(frames []breakdown.Frame) {
	for _, f := range frames {
		t.led[strings.TrimSuffix(f.Function, "-fm")], t.ledFrom[f] = true, true
	}
}

// calleeSize is the size of a callee with its map entries, in bytes.
const calleeSize = 400

// see counts and returns what a request was seen to call. The result is valid until the
// next call of see. It also returns the outdated endpoints: those whose requests passed
// a call that turned out to lead to several functions, and were not told apart by it.
func (t *routing) see(r *breakdown.Request) (seen []*callee, outdated []*endpoint) {
	seen = t.one[:0]
	for _, c := range r.Chains {
		callees, ok := t.chains[c]
		if !ok {
			var more []*endpoint
			callees, more = t.learn(c)
			outdated = append(outdated, more...)
		}
		for _, k := range callees {
			if !slices.Contains(seen, k) {
				seen = append(seen, k)
			}
		}
	}
	for _, k := range seen {
		k.requests++
		if k.isAlone(seen) {
			k.alone++
		}
	}
	if i := slices.IndexFunc(seen, func(k *callee) bool { return k.at.board != nil }); i >= 0 {
		seen[i].at.board.note(seen)
	}
	t.one = seen
	return seen, outdated
}

// isAlone reports whether a request with the callees in seen called no other one at k's
// call site.
func (k *callee) isAlone(seen []*callee) bool {
	return !slices.ContainsFunc(seen, func(o *callee) bool { return o != k && o.at == k.at && !o.own })
}

// learn records the calls of a chain. It returns the callees and the outdated
// endpoints: see see.
func (t *routing) learn(c *breakdown.Chain) (callees []*callee, outdated []*endpoint) {
	if route, more := t.learnRoute(c); route != nil {
		callees, outdated = append(callees, route), more
	}
	for i := range len(*c) - 1 {
		step, next := (*c)[i], (*c)[i+1].Function
		if step.File == "" || !t.spend(calleeSize) {
			break
		}
		at := sourceLine{step.File, step.Line}
		s := t.calls[at]
		if s == nil {
			s = &callSite{}
			t.calls[at] = s
		}
		if !slices.Contains(s.callers, step.Function) {
			s.callers = append(s.callers, step.Function)
			t.of[step.Function] = append(t.of[step.Function], s)
		}
		j := slices.IndexFunc(s.callees, func(k *callee) bool { return k.function == next })
		if j < 0 {
			j = len(s.callees)
			t.callees++
			t.called[next]++
			s.callees = append(s.callees, &callee{at: s, id: t.callees, function: next, own: isWithin(next, step.Function),
				dispatched: (*c)[i+1].Dispatched, within: step.Dispatched && (*c)[i+1].Dispatched})
			if s.several() {
				outdated = append(outdated, s.users...)
				s.users = nil
			}
		}
		k := s.callees[j]
		if o := (origin{step.Function, step.PC, (*c)[i+1].Via}); !slices.Contains(k.from, o) {
			k.from = append(k.from, o)
		}
		callees = append(callees, k)
	}
	t.chains[c] = callees
	return callees, outdated
}

// isWithin reports whether a name is that of a closure within function.
func isWithin(closure, function string) bool {
	rest, ok := strings.CutPrefix(closure, function)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '-')
}

// several reports whether more than one function has been called at the site, not
// counting the caller's own closures. A library's handler counts as several, because
// whether the caller leads other requests elsewhere is known only at the end of the trace.
func (s *callSite) several() bool {
	n := 0
	if s.board != nil && s.board.plain {
		return false
	}
	for _, k := range s.callees {
		if k.dispatched {
			return true
		}
		if !k.own {
			n++
		}
	}
	return n > 1
}

// groupOf returns the group of the callees in seen whose call sites have several, nil
// if there are none.
func (t *routing) groupOf(seen []*callee) *group {
	var key strings.Builder
	var g group
	for _, k := range seen {
		apart := k.isAlone(seen)
		if k.at.board != nil {
			apart = !k.isShared()
		}
		if !k.own && k.at.several() && apart {
			g.callees = append(g.callees, k)
		}
	}
	if len(g.callees) == 0 {
		return nil
	}
	slices.SortFunc(g.callees, func(a, b *callee) int { return a.id - b.id })
	for _, k := range g.callees {
		key.WriteString(strconv.Itoa(k.id))
		key.WriteByte(' ')
	}
	known := t.groups[key.String()]
	if known == nil {
		known = &g
		t.groups[key.String()] = known
	}
	return known
}

// passedTo records what a request of the endpoint was seen to call.
func (e *endpoint) passedTo(seen []*callee) {
	for _, k := range seen {
		n := e.called[k]
		if n == nil {
			if !e.spend(sumSize) {
				continue
			}
			n = new(int64)
			if e.called == nil {
				e.called = map[*callee]*int64{}
			}
			e.called[k] = n
			if !k.at.several() {
				k.at.users = append(k.at.users, e)
			}
		}
		*n++
	}
}

// A naming decides which calls passed requests on, and so the names of endpoints.
type naming struct {
	*routing
	dispatched map[string]bool  // the functions that a dispatch called
	requests   map[string]int64 // by the function that a dispatch called
	known      map[*callee]bool
	routes     map[*board][]*callee
}

func newNaming(t *routing, endpoints []*endpoint) *naming {
	v := &naming{routing: t, dispatched: map[string]bool{}, requests: map[string]int64{}, known: map[*callee]bool{}, routes: map[*board][]*callee{}}
	for _, e := range endpoints {
		v.dispatched[e.key.name] = true
		v.requests[e.key.name] += e.seq
	}
	return v
}

// passages returns all calls that passed requests on.
func (v *naming) passages() breakdown.Passages {
	out := breakdown.Passages{Calls: map[breakdown.Passage]bool{}, Only: map[string]string{}}
	for at, s := range v.calls {
		for _, k := range s.callees {
			if v.passes(k) {
				out.Calls[breakdown.Passage{File: at.file, Line: at.line, Callee: k.function}] = true
			}
		}
	}
	for _, b := range v.boards {
		for _, k := range b.callees {
			for _, at := range k.lines {
				if v.passes(k) {
					out.Calls[breakdown.Passage{File: at.file, Line: at.line, Callee: k.function}] = true
				}
			}
		}
	}
	for f := range v.of {
		if only := v.only(f); only != f {
			out.Only[f] = only
		}
	}
	return out
}

// passes reports whether a call passed requests on: it leads requests to several
// functions, or it is middleware's call of a library's handler, or a closure's of what
// a dispatch calls elsewhere, or of another closure that it did not create.
func (v *naming) passes(k *callee) bool {
	if passes, ok := v.known[k]; ok {
		return passes
	}
	v.known[k] = false // in case of a cycle
	if k.at.board != nil {
		v.known[k] = slices.Contains(v.routedBy(k), k)
		return v.known[k]
	}
	v.known[k] = k.answers() && (k.within || k.at.leadsApart() || v.leads(k) || v.closurePasses(k) && !v.callsBack(k))
	return v.known[k]
}

// callsBack reports whether libraries' functions that lead requests on have called k at
// other places only, as to format the name of a span: they were not about to lead one on.
func (v *naming) callsBack(k *callee) bool {
	return !slices.ContainsFunc(k.from, func(o origin) bool { return !v.led[o.via.Function] || v.ledFrom[o.via] })
}

// leads reports whether a call that ends in a library's handler is made by middleware,
// which leads other requests to the service's handlers. Otherwise the caller is the
// route's own function.
func (v *naming) leads(k *callee) bool {
	return k.dispatched && slices.ContainsFunc(k.at.callers, func(f string) bool { return v.led[f] })
}

// closurePasses reports whether a closure passes requests on to k: what it calls is
// dispatched to elsewhere, or another closure that it did not create.
func (v *naming) closurePasses(k *callee) bool {
	return !k.dispatched && k.at.byClosures() && (v.dispatched[k.function] || v.wraps(k))
}

// answers reports whether requests may be passed on to a callee: most requests called
// nothing else here, so it is not called before or after another on the same line.
func (k *callee) answers() bool { return !k.own && 2*k.alone >= k.requests }

// leadsApart reports whether one call leads requests to several functions. Two calls on
// one line do not count, nor do several implementations of one interface method.
func (s *callSite) leadsApart() bool {
	var answers []*callee
	methods := map[string]bool{}
	for _, k := range s.callees {
		if k.answers() {
			answers = append(answers, k)
			methods[methodOf(k.function)] = true
		}
	}
	if len(methods) == 1 && !methods[""] {
		return false
	}
	for i, k := range answers {
		if slices.ContainsFunc(answers[:i], k.isByOneCall) {
			return true
		}
	}
	return false
}

// isByOneCall reports whether one call may have led to both: they share its address, or
// the line was compiled several times and each copy led to one of them.
func (k *callee) isByOneCall(o *callee) bool {
	common := false
	for _, a := range k.from {
		for _, b := range o.from {
			if a.isCallOf(b) {
				return true
			}
			// Instances of a generic function share a name.
			common = common || a.caller == b.caller && !strings.Contains(a.caller, "[...]")
		}
	}
	return !common
}

// isCallOf reports whether two origins are one call. A library's function may have called
// for it at several places.
func (o origin) isCallOf(other origin) bool {
	return o.caller == other.caller && o.pc == other.pc && (o.via == other.via || o.via.Function != other.via.Function)
}

// byClosures reports whether all callers here are closures.
func (s *callSite) byClosures() bool {
	return !slices.ContainsFunc(s.callers, func(f string) bool { return !rules.IsClosure(f) })
}

// methodOf returns the name of a method without its type, "" for other functions.
func methodOf(function string) string {
	own := function[strings.LastIndexByte(function, '/')+1:]
	parts := strings.Split(own, ".")
	if len(parts) != 3 || rules.IsClosure(function) || parts[2] == "ServeHTTP" {
		return "" // each handler has a ServeHTTP
	}
	return parts[2]
}

// wraps reports whether k is a closure wrapped by closures: its callers call no other
// closure apart from their own, and k is called from nowhere else or passes requests on
// itself. This recognizes middleware that wraps several functions even if all requests
// went to one of them. Of two closures of one function the outer is middleware only if
// the inner, which nothing else calls, passes requests on: a handler may call the
// closure beside it.
func (v *naming) wraps(k *callee) bool {
	if !rules.IsClosure(k.function) {
		return false
	}
	beside := false
	for _, caller := range k.at.callers {
		beside = beside || rules.BaseName(caller) == rules.BaseName(k.function)
		for _, s := range v.of[caller] {
			if slices.ContainsFunc(s.callees, func(o *callee) bool { return !o.own && o.function != k.function && rules.IsClosure(o.function) }) {
				return false
			}
		}
	}
	switch alone := v.called[k.function] == 1; {
	case alone && !beside:
		return true
	case !alone && beside:
		return false
	}
	return slices.ContainsFunc(v.of[k.function], func(s *callSite) bool { return slices.ContainsFunc(s.callees, v.passes) })
}

// only returns the handler that a function leads all requests to, if the compiler made a
// copy of the function for it: each route that a closure was inlined for has one. A
// request that is seen no further than in the copy went there too, or would have. It
// returns the function itself otherwise.
func (v *naming) only(function string) string {
	for range deepest {
		var next *callee
		for _, s := range v.of[function] {
			for _, k := range s.callees {
				if len(s.callers) < 2 || !k.isFrom(function) || !v.passes(k) {
					continue
				}
				if next != nil && next.function != k.function {
					return function
				}
				next = k
			}
		}
		if next == nil {
			break
		}
		function = next.function
	}
	return function
}

// deepest bounds how far requests are followed from one copy to the next.
const deepest = 8

// isFrom reports whether the function was seen to call k.
func (k *callee) isFrom(function string) bool {
	return slices.ContainsFunc(k.from, func(o origin) bool { return o.caller == function })
}

// handler returns the function that most requests of an endpoint were passed on to.
func (v *naming) handler(e *endpoint) string {
	name := e.key.name
	for range len(e.called) {
		var next *callee
		most := (e.seq + 1) / 2
		for k, n := range e.called {
			better := *n > most || *n == most && (next == nil || k.id < next.id)
			if better && slices.Contains(k.at.callers, name) && v.passes(k) {
				next, most = k, *n
			}
		}
		if next == nil {
			break
		}
		name = next.function
	}
	return v.only(name)
}

// isMiddleware reports whether a function led requests to others, as another dispatch or
// a call shows.
func (v *naming) isMiddleware(name string) bool {
	return v.led[name] || slices.ContainsFunc(v.of[name], func(s *callSite) bool { return slices.ContainsFunc(s.callees, v.passes) })
}

// partly returns the middleware that samples show more often than other stacks: a sample
// in it does not show the handler. Where the requests of middleware stop in it, they are
// its own, as far as the answer goes.
func (v *naming) partly(endpoints []*endpoint) map[string]bool {
	surplus := map[string]int64{}
	for _, e := range endpoints {
		n := e.requests
		if e.key.in == (cellKey{}) {
			n = -n
		}
		surplus[v.handler(e)] += n
	}
	out := map[string]bool{}
	for name, n := range surplus {
		if n > 0 && v.isMiddleware(name) {
			out[name] = true
		}
	}
	return out
}

// keyOf returns the final key of an endpoint.
func (v *naming) keyOf(e *endpoint) endpointKey {
	return endpointKey{name: v.handler(e), kind: e.key.kind, route: e.key.route}
}

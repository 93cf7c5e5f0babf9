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
	chains  map[*breakdown.Chain][]*callee
	called  map[string]int // the number of call sites of a function
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
	// from are the calls, each as a compiled function and an address in it.
	from []origin
	// requests counts the requests seen to call it, alone those of them not seen to
	// call another callee here.
	requests, alone int64
}

type origin struct {
	caller string
	pc     uint64
}

// A group is the set of functions that requests of one endpoint were seen to call, each
// at a call site with several callees.
type group struct{ callees []*callee }

func newRouting(a *account) *routing {
	return &routing{account: a, calls: map[sourceLine]*callSite{}, of: map[string][]*callSite{}, chains: map[*breakdown.Chain][]*callee{},
		called: map[string]int{}, groups: map[string]*group{}}
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
			s.callees = append(s.callees, &callee{at: s, id: t.callees, function: next, own: isWithin(next, step.Function)})
			if s.several() {
				outdated = append(outdated, s.users...)
				s.users = nil
			}
		}
		k := s.callees[j]
		if o := (origin{step.Function, step.PC}); !slices.Contains(k.from, o) {
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
// counting the caller's own closures.
func (s *callSite) several() bool {
	n := 0
	for _, k := range s.callees {
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
		if !k.own && k.at.several() && k.isAlone(seen) {
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
	dispatched map[string]bool // the functions that a dispatch called
	known      map[*callee]bool
}

func newNaming(t *routing, endpoints []*endpoint) *naming {
	v := &naming{routing: t, dispatched: map[string]bool{}, known: map[*callee]bool{}}
	for _, e := range endpoints {
		v.dispatched[e.key.name] = true
	}
	return v
}

// passages returns all calls that passed requests on.
func (v *naming) passages() breakdown.Passages {
	out := breakdown.Passages{}
	for at, s := range v.calls {
		for _, k := range s.callees {
			if v.passes(k) {
				out[breakdown.Passage{File: at.file, Line: at.line, Callee: k.function}] = true
			}
		}
	}
	return out
}

// passes reports whether a call passed requests on: it leads requests to several
// functions, or it is a closure's call of what a dispatch calls elsewhere, or of
// another closure that it did not create.
func (v *naming) passes(k *callee) bool {
	if passes, ok := v.known[k]; ok {
		return passes
	}
	v.known[k] = false // in case of a cycle
	v.known[k] = k.answers() && (k.at.leadsApart() || k.at.byClosures() && (v.dispatched[k.function] || v.wraps(k)))
	return v.known[k]
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
			if a == b {
				return true
			}
			// Instances of a generic function share a name.
			common = common || a.caller == b.caller && !strings.Contains(a.caller, "[...]")
		}
	}
	return !common
}

// byClosures reports whether all callers here are closures.
func (s *callSite) byClosures() bool {
	return !slices.ContainsFunc(s.callers, func(f string) bool { return !rules.IsClosure(f) })
}

// methodOf returns the name of a method without its type, "" for other functions.
func methodOf(function string) string {
	own := function[strings.LastIndexByte(function, '/')+1:]
	parts := strings.Split(own, ".")
	if len(parts) != 3 || rules.IsClosure(function) {
		return ""
	}
	return parts[2]
}

// wraps reports whether k is a closure wrapped by closures: its callers call no other
// closure apart from their own, and k is called from nowhere else or passes requests on
// itself. This recognizes middleware that wraps several functions even if all requests
// went to one of them.
func (v *naming) wraps(k *callee) bool {
	if !rules.IsClosure(k.function) {
		return false
	}
	for _, caller := range k.at.callers {
		if rules.BaseName(caller) == rules.BaseName(k.function) {
			return false
		}
		for _, s := range v.of[caller] {
			if slices.ContainsFunc(s.callees, func(o *callee) bool { return !o.own && o.function != k.function && rules.IsClosure(o.function) }) {
				return false
			}
		}
	}
	if v.called[k.function] == 1 {
		return true
	}
	for _, s := range v.of[k.function] {
		if slices.ContainsFunc(s.callees, v.passes) {
			return true
		}
	}
	return false
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
	return name
}

// keyOf returns the final key of an endpoint.
func (v *naming) keyOf(e *endpoint) endpointKey {
	return endpointKey{name: v.handler(e), kind: e.key.kind, route: e.key.route}
}

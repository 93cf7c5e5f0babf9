package analyze

import (
	"slices"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A routing tells middleware from handlers. Both are functions that a dispatch
// called and that call others, but middleware calls whatever it was put around,
// and each request leads it to one of these; a handler calls what its text names,
// the same for all. So a call that leads requests to several functions, each
// request to one of them, passes them on, and what it calls is the handler. That
// takes all requests to know, so that they are counted by what they were seen to
// call until then, and the sums are added up when all is known.
type routing struct {
	*account
	calls   map[sourceLine]*callSite
	of      map[string][]*callSite // by the function that calls
	chains  map[*breakdown.Chain][]*callee
	called  map[string]int // at how many places a function is called
	callees int
	groups  map[string]*group
	one     []*callee // for the request at hand
}

// A sourceLine is a place in the service's text. The compiler may make one closure of the source several
// functions, but each has its lines.
type sourceLine struct {
	file string
	line int
}

// A callSite is a place where functions are called that a request may have been
// passed on to.
type callSite struct {
	callers []string
	callees []*callee
	// The endpoints that requests went to which came here, as long as only one
	// function had been called.
	users []*endpoint
}

// A callee is one of the functions called at a place.
type callee struct {
	at       *callSite
	id       int
	function string
	// own: the caller's text holds it. Nothing was passed on to it.
	own bool
	// By calls: a compiled function, and an address in it.
	from []origin
	// requests that were seen to call it, and those of them that were not seen to
	// call another one here.
	requests, alone int64
}

type origin struct {
	caller string
	pc     uint64
}

// A group are the functions that requests of one endpoint were seen to call, each
// of them at a place where several are.
type group struct{ callees []*callee }

func newRouting(a *account) *routing {
	return &routing{account: a, calls: map[sourceLine]*callSite{}, of: map[string][]*callSite{}, chains: map[*breakdown.Chain][]*callee{},
		called: map[string]int{}, groups: map[string]*group{}}
}

// calleeSize is what a callee takes, in bytes, with all that leads to it.
const calleeSize = 400

// see counts what a request was seen to call. It also returns the endpoints whose
// requests so far were not told apart by a call that leads to several functions, as is
// now known. The first result is valid until the next call of see.
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

// isAlone reports whether a request that was seen to call these called no other one
// at the same place.
func (k *callee) isAlone(seen []*callee) bool {
	return !slices.ContainsFunc(seen, func(o *callee) bool { return o != k && o.at == k.at && !o.own })
}

// learn records the calls of a chain.
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

// isWithin tells a closure of a function by its name.
func isWithin(closure, function string) bool {
	rest, ok := strings.CutPrefix(closure, function)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '-')
}

// several tells whether more than one function has been called at a place.
func (s *callSite) several() bool {
	n := 0
	for _, k := range s.callees {
		if !k.own {
			n++
		}
	}
	return n > 1
}

// groupOf is what a request was seen to call at places where several functions
// are, nil for nothing.
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

// passedTo notes what a request of an endpoint was seen to call.
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

// A naming says which calls passed requests on, and so what endpoints are called.
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

// passages are all the calls that passed requests on.
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

// passes tells whether a call passed requests on: where it leads requests to several
// functions, or where a closure calls what a dispatch calls elsewhere, or another
// closure that it did not make.
func (v *naming) passes(k *callee) bool {
	if passes, ok := v.known[k]; ok {
		return passes
	}
	v.known[k] = false // should it come back to itself
	v.known[k] = k.answers() && (k.at.leadsApart() || k.at.byClosures() && (v.dispatched[k.function] || v.wraps(k)))
	return v.known[k]
}

// answers tells a callee that requests are passed on to, and not one that is called
// before or after another on the same line.
func (k *callee) answers() bool { return !k.own && 2*k.alone >= k.requests }

// leadsApart tells whether requests are led to several functions by one call. Two
// calls on a line are no such thing, and an interface's method has one name.
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

// isByOneCall tells whether one call may have led to both: by its address, or, of
// one line that was compiled several times, since it was led only to one by each.
func (k *callee) isByOneCall(o *callee) bool {
	common := false
	for _, a := range k.from {
		for _, b := range o.from {
			if a == b {
				return true
			}
			// Instances of a generic function have one name.
			common = common || a.caller == b.caller && !strings.Contains(a.caller, "[...]")
		}
	}
	return !common
}

// byClosures tells whether it is closures that call here.
func (s *callSite) byClosures() bool {
	return !slices.ContainsFunc(s.callers, func(f string) bool { return !rules.IsClosure(f) })
}

// methodOf is the name of a method without its type's, "" of other functions.
func methodOf(function string) string {
	own := function[strings.LastIndexByte(function, '/')+1:]
	parts := strings.Split(own, ".")
	if len(parts) != 3 || rules.IsClosure(function) {
		return ""
	}
	return parts[2]
}

// wraps tells a closure around another one: it calls no other closure that is not
// its own, and that is called from nowhere else or passes requests on itself. One
// function put around others in one place is known by this also where all requests
// went to one of these.
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

// handler is the function that most requests of an endpoint were passed on to.
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

// keyOf is the key that an endpoint has when all is known.
func (v *naming) keyOf(e *endpoint) endpointKey {
	return endpointKey{name: v.handler(e), kind: e.key.kind, route: e.key.route}
}

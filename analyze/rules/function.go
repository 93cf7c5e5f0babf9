package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// function is what is known about a function from its name and file.
type function struct {
	client   *Rule // decides for a bucket of another system
	local    *Rule // decides for a bucket of this process
	phase    *Rule // refines any bucket
	timer    *Rule // decides for waits for a timer
	raw      *Rule // decides for what no other rule does: see findRaw
	loops    []*Loop
	module   string // see moduleOf
	repo     string // see workspaceOf
	gopath   bool   // a library's, where GOPATH has it
	service  bool
	certain  bool // service, and not only because of its handlers
	library  bool // written by others: not the service, GOROOT, glue, or a package that only joins goroutines
	standard bool // of the standard library
	dispatch dispatch
	unit     bool // a unit of work, declared by the user
	doing    *doing
	// collecting is the part of the garbage collector that it is in
	collecting breakdown.Collecting
	hold       *HoldRule
	returns    bool // gives a connection back to its pool
}

// function returns what is known about a frame's function. It caches the result.
func (t *Table) function(f breakdown.Frame) *function {
	if known, ok := t.known[f.Function]; ok {
		return known
	}
	name := BaseName(f.Function)
	fn := &function{module: moduleOf(f), repo: workspaceOf(f), standard: ofStandard(packageOf(f.Function)) || isStandard(f), dispatch: dispatchOf(name)}
	if fn.dispatch == dispatchHandler && IsClosure(f.Function) {
		fn.dispatch = dispatchNone // the handler gave it to what it called
	}
	fn.gopath = fn.repo != "" && isInfrastructure(packageOf(f.Function))
	certain, adopted := t.owns(f, fn)
	fn.service, fn.certain = certain || adopted, certain
	fn.unit = t.units != nil && t.units.MatchString(f.Function)
	fn.library = !fn.service && !isGlue(f) && !strings.HasPrefix(name, joins) && !isStandard(f)
	for i := range t.own {
		if covers(t.own[i].Func, name) {
			fn.add(&t.own[i])
			fn.service, fn.certain = false, false
		}
	}
	for _, i := range t.exact[name] {
		fn.add(&t.rules[i])
	}
	for _, i := range t.prefix {
		if strings.HasPrefix(name, t.rules[i].Func) {
			fn.add(&t.rules[i])
		}
	}
	fn.hold, fn.returns = t.holds[name], slices.Contains(returns, name)
	for _, r := range t.held {
		if fn.hold == nil && strings.HasPrefix(name, r.Func) {
			fn.hold = r
		}
	}
	for _, i := range t.loop[name] {
		fn.loops = append(fn.loops, &t.loops[i])
	}
	fn.doing, fn.collecting = doingOf(name), collectors[name]
	t.known[f.Function] = fn
	return fn
}

// add adds a rule that matched. The first in the table's order wins.
func (fn *function) add(r *Rule) {
	slot := &fn.local
	switch {
	case r.Timer:
		slot = &fn.timer
	case r.Raw:
		slot = &fn.raw
	case r.Any:
		slot = &fn.phase
	case r.Bucket.External() && r.Follow == FollowWaker:
		slot = &fn.client
	}
	if *slot == nil {
		*slot = r
	}
}

func isPrefix(pattern string) bool {
	return strings.HasSuffix(pattern, ".") || strings.HasSuffix(pattern, "/")
}

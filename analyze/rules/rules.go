// Package rules knows what the frames of a stack mean: which belong to a
// database driver, an HTTP client, a lock, a server's own loop, and which are
// the service's own code.
//
// It stands between the trace and the attribution: analyze/timeline hands it
// each distinct stack once and gets a Class back. What it knows of other
// people's libraries is data, in the tables of table.go: to support another
// driver is to add a row. It follows no wake-ups and knows nothing of time.
package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A Class is all that a stack alone says about the goroutine that has it.
type Class struct {
	Stack []breakdown.Frame // leaf first
	// Own is the rule that fixes the bucket by the stack alone, nil where the
	// wake-up has to be followed. Phase is the innermost one that the rule's
	// bucket knows.
	Own    *Rule
	Phase  breakdown.Phase
	System string
	// NoCall tells that Own is no step of a call.
	NoCall bool
	// Begins tells that a call begins with this stack, or goes on beginning.
	Begins bool
	// Stream tells that what is waited for belongs to a stream of messages, Opens
	// that the stream is being opened, Opened that it was, where a goroutine begins
	// another with this stack.
	Stream, Opens, Opened bool
	// Whole tells that a wait with this stack ends with a whole answer.
	Whole bool
	// Follow tells how a wait with this stack and no own rule relates to the
	// goroutine that ends it.
	Follow Follow
	// Site is the service's frame nearest to the leaf. InService tells whether
	// there is one; without, Site is the frame that entered the library.
	Site      breakdown.Frame
	InService bool
	// Bare tells that the service's own code waits by itself: nothing but the
	// runtime and package sync is between, and no rule knows it.
	Bare bool
	// Handler is the function that the innermost dispatch calls, and Depth how
	// many dispatches lead to it.
	Handler string
	Depth   int
	// Below are, where there are any, the frames from Handler's inwards that the
	// request may have been passed on through, as indexes into Stack, Handler's
	// first: Handler may be middleware that calls the next function by itself.
	Below []int
	// Library is, where Own is nil, the package of the library that the service's
	// code called, or that the goroutine is of; "" where there is none.
	Library string
	// Role is the stack's part in a server's loop, Kind what the server speaks.
	Role Role
	Kind string
	// Answers is the rule that tells what a wait is for that a goroutine with this
	// stack ends, where the wait's own stack does not tell it.
	Answers *Rule
	// Served tells that a server goroutine with this stack has a request at
	// hand, and not only a connection.
	Served bool
	// Gathers tells that the end of a wait is not yet that of the fetch.
	Gathers bool
	// Streams tells that the request comes, or is answered, bit by bit; Flushes
	// that a bit of its answer is sent ahead of the rest.
	Streams, Flushes bool
	// Wakes is the phase of a caller's wait that a goroutine with this stack
	// ends: an HTTP connection's writer ends the writing of the request.
	Wakes breakdown.Phase
	// Dials tells that a goroutine that starts with this stack makes a
	// connection for the one that created it.
	Dials bool
	// Writes tells that a goroutine that starts with this stack writes a request
	// for the one that created it, and waits for the answer as that does.
	Writes bool
	// Observer tells that this is timesink's own reading of the service.
	Observer bool
	// Unit is the outermost function that the user takes for a unit of work, ""
	// where there is none. Cut tells that the outermost frames are missing.
	Unit string
	Cut  bool
	// GC tells that a wait with this stack is the garbage collector's doing.
	GC bool
}

// Root is the outermost frame's function, where the stack was not cut.
func (c *Class) Root() string {
	if len(c.Stack) == 0 {
		return ""
	}
	return c.Stack[len(c.Stack)-1].Function
}

// A Table classifies stacks. It is safe for use by one goroutine at a time,
// since it remembers what it found out about each function.
type Table struct {
	own    []Rule // the user's
	rules  []Rule
	loops  []Loop
	exact  map[string][]int // by function, into rules
	prefix []int            // of rules that name a package
	loop   map[string][]int
	known  map[string]*function
	units  *regexp.Regexp
}

// function is what is known of one function's name and file.
type function struct {
	client   *Rule // fixes a bucket of another system
	local    *Rule // fixes a bucket of this process
	phase    *Rule // refines any bucket
	loops    []*Loop
	service  bool
	library  bool // written by others: not the service's own, not of GOROOT, not glue, nor what only joins goroutines
	standard bool // of the standard library
	dispatch dispatch
	unit     bool // of work, as the user says
}

// New returns the table of what timesink knows, and before it the rules of a
// user's own, as Parse gives them. A function that one of these names counts as a
// library's, also in the service's own code.
func New(own ...Rule) *Table {
	t := newTable(table, loops)
	t.own = own
	return t
}

// Units takes what is done below the functions that match for units of work. A
// function is matched as stacks name it, such as "main.(*Worker).handle".
func (t *Table) Units(functions *regexp.Regexp) { t.units = functions }

// HasUnits tells whether there are such functions.
func (t *Table) HasUnits() bool { return t.units != nil }

func newTable(rules []Rule, loops []Loop) *Table {
	t := &Table{rules: rules, loops: loops, exact: map[string][]int{}, loop: map[string][]int{}, known: map[string]*function{}}
	for i, r := range t.rules {
		if isPrefix(r.Func) {
			t.prefix = append(t.prefix, i)
		} else {
			t.exact[r.Func] = append(t.exact[r.Func], i)
		}
	}
	for i, l := range t.loops {
		t.loop[l.Func] = append(t.loop[l.Func], i)
	}
	return t
}

// maxFrames is how many frames of a stack a trace holds: of a deeper one the
// outermost are missing.
const maxFrames = 128

// Classify says what a stack means; frames are leaf first.
func (t *Table) Classify(frames []breakdown.Frame) *Class {
	c := &Class{Stack: frames}
	funcs := make([]*function, len(frames))
	for i, f := range frames {
		funcs[i] = t.function(f)
	}
	callback := t.findRole(c, funcs)
	led := findHandler(c, funcs)
	findCallback(c, funcs[:callback])
	c.Streams, c.Flushes = c.Streams && c.Depth > 0, c.Flushes && c.Depth > 0
	site := findSite(c, funcs)
	findOwn(c, funcs, min(led, site))
	c.Bare = site < len(funcs) && c.Own == nil && c.Follow == FollowWaker && !c.GC && onlyRuntime(frames[:site])
	if c.Role == Fetch && callback == 0 && !c.InService {
		c.Role, c.Kind = NoRole, "" // a goroutine of the library's own
	}
	if i := outermost(funcs, func(f *function) bool { return f.unit }); i >= 0 {
		c.Unit = c.Stack[i].Function
	}
	c.Cut = len(frames) >= maxFrames
	return c
}

// findRole reads the server loop's part of the stack, and returns the index of the
// function that calls the service's code for each unit of work, 0 for none.
func (t *Table) findRole(c *Class, funcs []*function) (callback int) {
	for i := len(funcs) - 1; i >= 0; i-- {
		for _, l := range funcs[i].loops {
			if !l.calledBy(c.Stack[i+1:]) {
				continue
			}
			if c.take(l); l.Role == Callback {
				callback = i
			}
		}
	}
	return callback
}

// findCallback finds the service's function that a consumer's library calls.
func findCallback(c *Class, within []*function) {
	if i := outermost(within, func(f *function) bool { return f.service }); i >= 0 && c.Depth == 0 {
		c.Handler, c.Depth, c.Served = strings.TrimSuffix(c.Stack[i].Function, "-fm"), 1, true
	}
}

// calledBy tells whether a loop's function is one by what called it.
func (l *Loop) calledBy(outer []breakdown.Frame) bool {
	switch {
	case l.Outermost:
		return len(outer) == 0
	case l.Caller != "":
		return len(outer) > 0 && BaseName(outer[0].Function) == l.Caller
	}
	return true
}

// take notes what a loop's function says.
func (c *Class) take(l *Loop) {
	switch {
	case l.Wakes != breakdown.NoPhase:
		c.Wakes = l.Wakes
	case l.Dials:
		c.Dials = true
	case l.Writes:
		c.Writes = true
	case l.GC:
		c.GC = true
	case l.Observer:
		c.Observer = true
	case l.Role >= Fetch && c.Role != NoRole && l.Caller == "" && !l.Session:
		return // what serves a request may fetch too
	case l.Role != NoRole:
		c.Role = l.Role // the innermost says it
	}
	c.Gathers = l.Gathers
	if l.Kind != "" {
		c.Kind = l.Kind
	}
	c.Served = c.Served || l.Served
	c.Streams = (c.Streams || l.Streams) && !l.Whole
	c.Flushes = c.Flushes || l.Flushes
}

// findSite finds the innermost frame of the service's own code and returns its
// index; len(funcs) where there is none.
func findSite(c *Class, funcs []*function) int {
	for i, f := range funcs {
		if f.service {
			c.Site, c.InService = c.Stack[i], true
			return i
		}
	}
	return len(funcs)
}

// findOwn looks between the service's code, or the dispatch of a handler that
// is a library's, and the leaf. A client library is found from the outside, for
// it is the one that was called: what it uses inside (another client, a dialer,
// a lock) only refines the phase. What this process does by itself is found
// from the leaf.
func findOwn(c *Class, funcs []*function, inner int) {
	if i := outermost(funcs, func(f *function) bool { return f.client != nil && f.client.Answers }); i >= 0 {
		c.Answers = funcs[i].client
	}
	within := funcs[:inner]
	from, i := 0, outermost(within, isClient)
	if i < 0 && onlyNetwork(c.Stack[:inner]) {
		from, i = calledBack(c, funcs, inner)
	}
	if i >= 0 {
		for _, f := range funcs[from : i+1] {
			if r := f.client; r != nil {
				c.Begins, c.Whole = c.Begins || r.Begins, c.Whole || r.Whole
				c.Stream, c.Opens = c.Stream || r.Stream, c.Opens || r.Opens
			}
		}
		c.Stream, c.Opens = c.Stream && !c.Begins, c.Opens && !c.Begins
		c.Opened = c.Opens && funcs[0].client != nil && funcs[0].client.Opens
		c.NoCall = noCall(funcs[from : i+1])
		c.own(funcs[i].client, innermostPhase(funcs[i].client, funcs[:i+1]), i)
		c.System = system(c.Own, funcs[from:i+1])
		return
	}
	if f := followed(c, within); f != FollowWaker {
		c.Follow = f
	} else if i := slices.IndexFunc(within, func(f *function) bool { return f.local != nil && f.local.Follow == FollowWaker }); i >= 0 {
		c.own(within[i].local, within[i].local.Phase, i)
		return
	} else if i := outermost(within, func(f *function) bool { return f.phase != nil }); i >= 0 {
		c.own(within[i].phase, innermostPhase(within[i].phase, funcs[:i+1]), i)
		return
	}
	if i := outermost(within, func(f *function) bool { return f.library }); i >= 0 {
		c.Library = packageOf(c.Stack[i].Function)
	}
	if !c.InService && len(c.Stack) > 0 {
		c.Site = c.Stack[len(c.Stack)-1]
	}
}

// noCall tells whether the innermost step of no call holds no step that comes
// later in a call: what only sends may also make the call itself.
func noCall(funcs []*function) bool {
	latest := breakdown.NoPhase
	for _, f := range funcs {
		switch r := f.client; {
		case r == nil || r.Default:
		case r.NoCall:
			return latest <= r.Phase
		default:
			latest = max(latest, r.Phase)
		}
	}
	return false
}

func isClient(f *function) bool { return f.client != nil }

// calledBack finds the client library that called the service's code at index
// from, and through it others of the service's own: a dialer, a connection, a
// transport. It returns where to look from and the library's outermost frame, -1
// where there is none. The site is then what called the library.
func calledBack(c *Class, funcs []*function, from int) (start, client int) {
	client = -1
	for i := from; i < len(funcs) && funcs[i].dispatch == dispatchNone; i++ {
		switch {
		case funcs[i].client != nil:
			client = i
		case funcs[i].service && client >= 0:
			c.Site = c.Stack[i]
			return from, client
		}
	}
	return from, client
}

// onlyNetwork tells frames that do nothing but connect, read or write.
func onlyNetwork(frames []breakdown.Frame) (network bool) {
	for _, f := range frames {
		switch packageOf(f.Function) {
		case "net", "crypto/tls":
			network = true
		case "runtime", "syscall", "internal/poll", "io", "bufio":
		default:
			return false
		}
	}
	return network
}

// onlyRuntime tells frames that do nothing but wait.
func onlyRuntime(frames []breakdown.Frame) bool {
	for _, f := range frames {
		switch packageOf(f.Function) {
		case "runtime", "sync", "internal/sync":
		default:
			return false
		}
	}
	return true
}

// followed is how the end of a wait is followed: a rule says so where nothing but
// the waiting itself lies below its function. A goroutine that does a once's
// work is not one that waits for it.
func followed(c *Class, within []*function) Follow {
	for i, f := range within {
		if f.local != nil && f.local.Follow != FollowWaker {
			return f.local.Follow
		}
		switch packageOf(c.Stack[i].Function) {
		case "sync", "internal/sync", "runtime":
		default:
			return FollowWaker
		}
	}
	return FollowWaker
}

// own fixes the class by a rule that the frame at index i matched.
func (c *Class) own(r *Rule, p breakdown.Phase, i int) {
	c.Own, c.Phase, c.System = r, p, r.System
	if !c.InService {
		c.Site = c.Stack[i]
	}
}

func outermost(funcs []*function, match func(*function) bool) int {
	for i := len(funcs) - 1; i >= 0; i-- {
		if match(funcs[i]) {
			return i
		}
	}
	return -1
}

// system names the other side as precisely as the stack does: a driver's name
// is better than that of the interface it was called through.
func system(entry *Rule, funcs []*function) string {
	for _, f := range funcs {
		if r := f.client; r != nil && r.Bucket == entry.Bucket && r.System != GenericSQL {
			return r.System
		}
	}
	return entry.System
}

// innermostPhase is the phase of the innermost step that the entry's bucket
// knows, else the entry's own.
func innermostPhase(entry *Rule, funcs []*function) breakdown.Phase {
	beyond := false
	for _, f := range funcs {
		if r := f.client; beyond && r != nil && r.Bucket == entry.Bucket && r.Beyond != breakdown.NoPhase {
			return r.Beyond
		}
		beyond = beyond || f.library
		for _, r := range []*Rule{f.client, f.phase} {
			if r == nil || r.Default || !r.Any && r.Bucket != entry.Bucket {
				continue
			}
			if p, ok := phaseIn(entry.Bucket, r.Phase); ok {
				return p
			}
		}
	}
	return entry.Phase
}

// phaseIn translates a phase of the network into the words of a bucket: what is
// dns or tls on the way to an upstream is part of connect elsewhere.
func phaseIn(b breakdown.Bucket, p breakdown.Phase) (breakdown.Phase, bool) {
	own := b.Info().Phases
	switch {
	case slices.Contains(own, p):
		return p, true
	case p.Stage() == breakdown.Dialing && slices.Contains(own, breakdown.Connect):
		return breakdown.Connect, true
	}
	return breakdown.NoPhase, false
}

// function looks a frame's function up once.
func (t *Table) function(f breakdown.Frame) *function {
	if known, ok := t.known[f.Function]; ok {
		return known
	}
	name := BaseName(f.Function)
	fn := &function{service: IsService(f), standard: ofStandard(packageOf(f.Function)), dispatch: dispatchOf(name)}
	fn.unit = t.units != nil && t.units.MatchString(f.Function)
	fn.library = !fn.service && !isGlue(f) && !strings.HasPrefix(name, "golang.org/x/sync/") && !isStandard(packageOf(f.Function), path.Dir(strings.ReplaceAll(f.File, `\`, "/")))
	for i := range t.own {
		if covers(t.own[i].Func, name) {
			fn.add(&t.own[i])
			fn.service = false
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
	for _, i := range t.loop[name] {
		fn.loops = append(fn.loops, &t.loops[i])
	}
	t.known[f.Function] = fn
	return fn
}

// add files a rule that matched; the first in the table's order stays.
func (fn *function) add(r *Rule) {
	slot := &fn.local
	switch {
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

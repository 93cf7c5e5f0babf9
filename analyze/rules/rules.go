// Package rules knows what the frames of a stack mean: which belong to a
// database driver, an HTTP client, a lock, a server's own loop, and which are
// the service's own code.
//
// It stands between the trace and the attribution: analyze/timeline passes each
// distinct stack to it once and gets a Class back. What it knows about other people's
// libraries is data, in tables (table.go): to support another driver, add a row. It
// follows no wake-ups and knows nothing about time.
package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A Class is what a stack alone says about its goroutine.
type Class struct {
	// What every event asks about comes first: it fits one line of a processor's cache.

	// Own is the rule that decides the bucket from the stack alone. It is nil if the
	// wake-up has to be followed. Phase is the innermost phase that belongs to the
	// rule's bucket.
	Own   *Rule
	Phase breakdown.Phase
	// Role is the stack's part in a server's loop, Kind the server's protocol.
	Role Role
	// Follow is how to follow the waker of a wait with this stack, if Own is nil.
	Follow Follow
	// Wakes is the phase of a caller's wait that a goroutine with this stack ends. For
	// example, an HTTP connection's writer ends request_write.
	Wakes breakdown.Phase
	// GC is set if the garbage collector causes a wait with this stack.
	GC bool
	// Observer is set for requests to net/http/pprof, timesink's own among them.
	Observer bool
	// Bare is set if the service's own code waits: only the runtime and package sync
	// are below it, and no rule matches.
	Bare bool
	// InService reports whether a frame of the stack is the service's: see Site.
	InService bool
	// Served is set if a server goroutine with this stack has a request, not only a
	// connection.
	Served bool
	// NoCall is set if Own is not a step of a call.
	NoCall bool
	// Timer names the library that a wait with this stack is in if a timer ends it, "" if
	// the wait may be for something else.
	Timer string
	// InC is set if the goroutine is in C code, and no rule says what for.
	InC bool
	// Begins is set if a call begins with this stack, or is still beginning.
	Begins bool
	// Stream is set if the wait is for a stream of messages, Opens if the stream is
	// being opened, and Opened if creating a goroutine with this stack means that the
	// stream has been opened.
	Stream, Opens, Opened bool
	// Whole is set if a wait with this stack ends with a whole response.
	Whole bool
	// Gathers is set if the fetch may go on after the wait ends.
	Gathers bool
	// Streams is set if the request or its response is a stream of messages, Flushes if
	// a part of the response is being sent ahead of the rest.
	Streams, Flushes bool
	// Dials is set if a goroutine that starts with this stack makes a connection for
	// its creator.
	Dials bool
	// Writes is set if a goroutine that starts with this stack writes a request for its
	// creator, and waits for the response like the creator.
	Writes bool
	// Inner is the index of the innermost frame that is not of the standard library,
	// len(Stack) if there is none.
	Inner int
	// Accepts is set if the goroutine is in a loop that accepts connections. It waits
	// for a client if its Role is Background.
	Accepts bool
	// Cut is set if the outermost frames may be missing.
	Cut  bool
	Kind string
	// Handler is the innermost function of the service's that a dispatch calls, within the
	// innermost router, or, if none is the service's, the innermost. Depth is the number
	// of dispatches that lead to it.
	Handler string

	Depth int
	Stack []breakdown.Frame // leaf first
	// Site is the service's frame nearest to the leaf. If there is none, it is the
	// frame that entered the library.
	Site breakdown.Frame
	// System is the rule's, or what the stack shows of it.
	System string
	// Answers is the rule for waits that a goroutine with this stack ends, if their own
	// stacks do not decide.
	Answers *Rule
	// Below are the frames, from Handler inwards, that may have passed the request on,
	// as indexes into Stack, Handler's first: Handler may be middleware that calls the
	// next function directly. It is nil if Handler calls no such function. The first
	// Dispatched of those behind Handler are a library's that were dispatched to.
	Below      []int
	Dispatched int
	// Unrouted is set if no router lies between the server and Handler, which may then be
	// one itself.
	Unrouted bool
	// Led are the service's functions that led the request on to Handler.
	Led []string
	// Origin is what the stack shows of whose code the service's is, nil if nothing.
	Origin *Origin
	// Library is the package of the library that the service's code called, or that the
	// goroutine belongs to. It is "" if there is none or Own is set.
	Library string
	// Unit is the outermost function that the user declared a unit of work, "" if there
	// is none.
	Unit string
}

// Root returns the outermost frame's function, "" for an empty stack. If Cut is set,
// the goroutine's root may be another function.
func (c *Class) Root() string {
	if len(c.Stack) == 0 {
		return ""
	}
	return c.Stack[len(c.Stack)-1].Function
}

// A Table classifies stacks. It caches what it finds out about each function, so it is
// not safe for concurrent use.
type Table struct {
	own    []Rule // the user's
	rules  []Rule
	loops  []Loop
	exact  map[string][]int // by function, into rules
	prefix []int            // the rules whose Func is a prefix
	loop   map[string][]int
	known  map[string]*function
	units  *regexp.Regexp
	home   home
}

// function is what is known about a function from its name and file.
type function struct {
	client   *Rule // decides for a bucket of another system
	local    *Rule // decides for a bucket of this process
	phase    *Rule // refines any bucket
	timer    *Rule // decides for waits for a timer
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
}

// New returns a table of the built-in rules and, taking precedence over them, the
// user's own, as Parse returns them. A function that one of these matches counts as a
// library's, even in the service's own code.
func New(own ...Rule) *Table {
	t := newTable(table, loops)
	t.own = own
	return t
}

// NamesUnits reports whether the function that goroutines began in says what they do. It
// does not if it is one of the standard library, as of a server whose requests are known
// otherwise, or of a package that only joins goroutines.
func NamesUnits(root string) bool {
	return root != "" && !ofStandard(packageOf(root)) && !strings.HasPrefix(root, joins) && strings.Contains(root, ".")
}

// joins begins the names of functions in packages that only join goroutines.
const joins = "golang.org/x/sync/"

// Units declares that the functions that match are units of work. They are matched as
// stacks name them, such as "main.(*Worker).handle". It must be called before Classify.
func (t *Table) Units(functions *regexp.Regexp) { t.units = functions }

// HasUnits reports whether Units declared any.
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

// maxFrames is how many frames of a stack a trace holds at most. The outermost frames
// of a deeper stack are missing.
const maxFrames = 128

// Classify returns what a stack means. The frames are leaf first; the Class keeps them.
func (t *Table) Classify(frames []breakdown.Frame) *Class {
	c := &Class{Stack: frames}
	funcs := make([]*function, len(frames))
	for i, f := range frames {
		funcs[i] = t.function(f)
	}
	callback := t.findRole(c, funcs)
	led := findHandler(c, funcs)
	if adopted := adopt(c, funcs); adopted != nil {
		funcs, c.Led = adopted, nil
		origin := c.Origin
		led = findHandler(c, funcs)
		c.Origin = origin
	}
	findCallback(c, funcs[:callback])
	c.Streams, c.Flushes = c.Streams && c.Depth > 0, c.Flushes && c.Depth > 0
	site := findSite(c, funcs)
	findOwn(c, funcs, min(led, site))
	c.Bare = site < len(funcs) && c.Own == nil && c.Follow == FollowWaker && !c.GC && onlyRuntime(frames[:site])
	if c.Role == Fetch && callback == 0 && !c.InService {
		c.Role, c.Kind = NoRole, "" // an internal goroutine of the library
	}
	if i := outermost(funcs, func(f *function) bool { return f.unit }); i >= 0 {
		c.Unit = c.Stack[i].Function
	}
	if c.Inner = slices.IndexFunc(funcs, func(f *function) bool { return !f.standard }); c.Inner < 0 {
		c.Inner = len(frames)
	}
	c.Cut = len(frames) >= maxFrames
	return c
}

// findRole reads the server loop's part of the stack. It returns the index of the
// function that calls the service's code for each unit of work, 0 for none.
func (t *Table) findRole(c *Class, funcs []*function) (callback int) {
	for i := len(funcs) - 1; i >= 0; i-- {
		for _, l := range funcs[i].loops {
			if !l.calledBy(c.Stack[i+1:]) || l.Accepts && c.Stack[i].Function != l.Func {
				continue // a goroutine's root may be named like what created it
			}
			switch c.take(l); {
			case l.Role == Callback, l.Calls:
				callback = i
			case l.Role == Message && i+1 < len(funcs):
				c.Handler = c.Stack[i+1].Function // the loop
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

// calledBy reports whether the frames outside a loop's function are those that the loop
// requires.
func (l *Loop) calledBy(outer []breakdown.Frame) bool {
	switch {
	case l.Outermost:
		return len(outer) == 0
	case l.Caller != "":
		return len(outer) > 0 && BaseName(outer[0].Function) == l.Caller
	}
	return true
}

// take adds what a loop's function says to the class.
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
		return // a goroutine that serves a request may fetch too
	case l.Role != NoRole:
		c.Role = l.Role // the innermost decides
	}
	c.Gathers, c.Accepts = l.Gathers, c.Accepts || l.Accepts
	if l.Kind != "" {
		c.Kind = l.Kind
	}
	c.Served = c.Served || l.Served
	c.Streams = (c.Streams || l.Streams) && !l.Whole
	c.Flushes = c.Flushes || l.Flushes
}

// findSite finds the innermost frame of the service's own code and returns its index,
// len(funcs) if there is none.
func findSite(c *Class, funcs []*function) int {
	for i, f := range funcs {
		if f.service {
			c.Site, c.InService = c.Stack[i], true
			return i
		}
	}
	return len(funcs)
}

// findOwn searches the frames between the leaf and the service's code, or the dispatch
// of a handler from a library. It searches for a client library from the outside,
// because the outermost is the one that was called: what it uses inside (another
// client, a dialer, a lock) only refines the phase. It searches for what the process
// does by itself from the leaf.
func findOwn(c *Class, funcs []*function, inner int) {
	if i := outermost(funcs, func(f *function) bool { return f.client != nil && f.client.Answers }); i >= 0 {
		c.Answers = funcs[i].client
	}
	within := funcs[:inner]
	c.Timer = timer(c, within)
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
	} else if i := outermost(within, func(f *function) bool { return f.local != nil && f.local.Covers }); i >= 0 {
		c.own(within[i].local, within[i].local.Phase, i)
		return
	} else if i := slices.IndexFunc(within, func(f *function) bool { return f.local != nil && f.local.Follow == FollowWaker }); i >= 0 {
		c.own(within[i].local, within[i].local.Phase, i)
		return
	} else if i := outermost(within, func(f *function) bool { return f.phase != nil }); i >= 0 {
		c.own(within[i].phase, innermostPhase(within[i].phase, funcs[:i+1]), i)
		return
	}
	c.InC = inC(c.Stack)
	if i := outermost(within, func(f *function) bool { return f.library }); i >= 0 {
		c.Library = packageOf(c.Stack[i].Function)
	}
	if !c.InService && len(c.Stack) > 0 {
		c.Site = c.Stack[len(c.Stack)-1]
	}
}

// timer returns the library that a timer belongs to if one ends a wait with these
// frames, "" if none does for certain: the innermost function outside the runtime waits
// for one, or sleeps.
func timer(c *Class, within []*function) string {
	for i, f := range within {
		switch name := c.Stack[i].Function; {
		case f.timer != nil:
			return f.timer.System
		case name == "time.Sleep":
			if i := outermost(within, isClient); i >= 0 {
				return system(within[i].client, within[:i+1])
			}
			return ""
		case packageOf(name) != "runtime":
			return ""
		}
	}
	return ""
}

// inC reports whether the frames lead into C code: to the function in which the runtime
// enters it, or, where the trace leaves that out, to the Go side of a C function.
func inC(frames []breakdown.Frame) bool {
	return len(frames) > 0 && (frames[0].Function == "runtime.cgocall" || isCgo(strings.ReplaceAll(frames[0].File, `\`, "/")))
}

// noCall reports whether the innermost function with NoCall contains no later step of a
// call: a function that only sends may also make the call itself.
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

// calledBack finds the client library that called the service's code at index from: the
// service may supply a dialer, a connection or a transport. It returns where to search
// from and the index of the library's outermost frame, -1 if there is none. The site is
// then the service's frame that called the library.
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

// onlyNetwork reports whether the frames do nothing but connect, read or write.
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

// onlyRuntime reports whether the frames do nothing but wait.
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

// followed returns how to follow the end of a wait. A rule decides if only the waiting
// itself is below its function: a goroutine that does the work of a sync.Once does not
// wait for it.
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

// own sets the class's rule, which the frame at index i matched, and its phase.
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

// system returns the most precise name of the system that the stack shows: a driver's
// is better than that of the interface it was called through.
func system(entry *Rule, funcs []*function) string {
	for _, f := range funcs {
		if r := f.client; r != nil && r.Bucket == entry.Bucket && r.System != GenericSQL {
			return r.System
		}
	}
	return entry.System
}

// innermostPhase returns the phase of the innermost step whose phase belongs to the
// entry's bucket, or else the entry's own.
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

// phaseIn returns the phase of a bucket for a phase of the network, and whether there
// is one. In buckets without dns and tls these are part of connect.
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

// function returns what is known about a frame's function. It caches the result.
func (t *Table) function(f breakdown.Frame) *function {
	if known, ok := t.known[f.Function]; ok {
		return known
	}
	name := BaseName(f.Function)
	fn := &function{module: moduleOf(f), repo: workspaceOf(f), standard: ofStandard(packageOf(f.Function)), dispatch: dispatchOf(name)}
	fn.gopath = fn.repo != "" && isInfrastructure(packageOf(f.Function))
	certain, adopted := t.owns(f, fn)
	fn.service, fn.certain = certain || adopted, certain
	fn.unit = t.units != nil && t.units.MatchString(f.Function)
	fn.library = !fn.service && !isGlue(f) && !strings.HasPrefix(name, joins) && !isStandard(packageOf(f.Function), path.Dir(slashed(f.File)))
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
	for _, i := range t.loop[name] {
		fn.loops = append(fn.loops, &t.loops[i])
	}
	t.known[f.Function] = fn
	return fn
}

// add adds a rule that matched. The first in the table's order wins.
func (fn *function) add(r *Rule) {
	slot := &fn.local
	switch {
	case r.Timer:
		slot = &fn.timer
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

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
	// Bare is set if the service's own code waits, or a handler between it and the server:
	// only the runtime and package sync are below it, and no rule matches.
	Bare bool
	// Between is set if that is a library's handler, which leads on to others or which a
	// dispatch called: that of http.TimeoutHandler, or middleware. What it starts or waits
	// for are the service's handlers.
	Between bool
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
	// Purpose is what that timer is for, if Timer is set.
	Purpose breakdown.Purpose
	// Transaction is set if a transaction of a database makes the call.
	Transaction bool
	// Tests is set if the call asks for nothing, to see whether the other side answers.
	Tests bool
	// Feeds is set if the client calls the service back for what it sends.
	Feeds bool
	// Awaits is set if the call waits for a message that others send when they like.
	Awaits bool
	// InC is set if the goroutine is in C code, and no rule says what for.
	InC bool
	// Hold is what a call to a database does with a connection that the service keeps.
	Hold breakdown.Hold
	// Returns is set if a connection is being given back to its pool.
	Returns bool
	// Begins is set if a call begins with this stack, or is still beginning.
	Begins bool
	// Stream is set if the wait is for a stream of messages, Opens if the stream is
	// being opened, and Opened if creating a goroutine with this stack means that the
	// stream has been opened.
	Stream, Opens, Opened bool
	// Whole is set if a wait with this stack ends with a whole response.
	Whole bool
	// Drops is set if the connection is given up because its response is not read to the
	// end.
	Drops bool
	// Gathers is set if the fetch may go on after the wait ends.
	Gathers bool
	// Streams is set if the request or its response is a stream of messages, Flushes if
	// a part of the response is being sent ahead of the rest.
	Streams, Flushes bool
	// Dials is set if a goroutine that starts with this stack makes a connection for
	// its creator.
	Dials bool
	// Connects is set if a wait for a connection that ends with this stack was for one that
	// the goroutine made.
	Connects bool
	// LooksUp is set if a goroutine that starts with this stack asks name servers for a
	// host's address for its creator.
	LooksUp bool
	// Writes is set if a goroutine that starts with this stack writes a request for its
	// creator, and waits for the response like the creator.
	Writes bool
	// Inner is the index of the innermost frame that is not of the standard library,
	// len(Stack) if there is none.
	Inner int
	// Accepts is set if the goroutine is in a loop that accepts connections. It waits
	// for a client if its Role is Background.
	Accepts bool
	// Expires is set if a deadline started the goroutine, Limited if a timer that ends a
	// wait with this stack is the wait's deadline.
	Expires, Limited bool
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
	// Client is the client library that the service called: see clients.
	Client string
	// Answers is the rule for waits that a goroutine with this stack ends, if their own
	// stacks do not decide.
	Answers *Rule
	// Below are the frames, from Handler inwards, that may have passed the request on,
	// as indexes into Stack, Handler's first: Handler may be middleware that calls the
	// next function directly. It is nil if Handler calls no such function. The first
	// Dispatched of those behind Handler are a library's that were dispatched to.
	Below      []int
	Dispatched int
	// Via are, for each of Below, the library's frame that called it for the one before, -1
	// if there is none.
	Via []int
	// Unrouted is set if no router lies between the server and Handler, which may then be
	// one itself.
	Unrouted bool
	// Led are the frames, of the service and of libraries, that led the request on to
	// Handler, which is the service's. They are a part of Stack.
	Led []breakdown.Frame
	// Origin is what the stack shows of whose code the service's is, nil if nothing.
	Origin *Origin
	// Library is the package of the library that the service's code called, or that the
	// goroutine belongs to. It is "" if there is none or Own is set.
	Library string
	// Unit is the outermost function that the user declared a unit of work, "" if there
	// is none.
	Unit string
	// Activity is what code with this stack computes, and Called the function that Site
	// called for it: "" if Site is the leaf, or no frame of the service's. Collecting is
	// the part of the garbage collector that it belongs to.
	Activity   breakdown.Activity
	Collecting breakdown.Collecting
	Called     string
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
	holds  map[string]*HoldRule // by function
	held   []*HoldRule          // whose Func is a prefix
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
	t.holds, t.held = holdsOf(holdTable)
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
	c.Returns = slices.ContainsFunc(funcs, func(f *function) bool { return f.returns })
	site := findSite(c, funcs)
	findOwn(c, funcs, min(led, site))
	findActivity(c, funcs, site)
	waits := findBetween(c, funcs, site)
	c.Bare = c.Own == nil && c.Follow == FollowWaker && !c.GC && (c.Between || c.InService && waits == site)
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

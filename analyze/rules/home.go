package rules

import (
	"maps"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A Home finds out whose code is the service's. Mostly the paths of files tell: see
// IsService. But a binary that was built from the module cache (go install pkg@version,
// a builder that writes a main of three lines) has no code outside of dependencies. The
// service is then the module of main and, if main's has no handlers, the modules that
// the handlers are in. In builds in GOPATH mode, as distributions make them, no file
// shows a module, and the service is main's repository.
//
// See takes the classes of a trace in order. Once one of them changes whose code the
// service's is, Classify takes the place of the table's. A Home is not safe for
// concurrent use.
type Home struct {
	of    *Table
	table *Table // nil while the paths of files decide

	main     string          // module of main, "" if it is in none
	repo     string          // main's repository, if its file is where GOPATH has it
	gopath   bool            // a library's file is there
	handlers map[string]bool // the modules of dependencies that handlers are in
	owners   map[string]bool // the service's handlers
	led      map[string]bool // the service's functions that led a request on
}

// NewHome returns a Home for the classes that a table returns.
func NewHome(of *Table) *Home {
	return &Home{of: of, handlers: map[string]bool{}, owners: map[string]bool{}, led: map[string]bool{}}
}

// An Origin is what a stack shows of whose code the service's is, apart from the
// modules that were taken for the service's because of their handlers.
type Origin struct {
	// Main is the module of main.main, Repository its repository if the file is where
	// GOPATH has it. GOPATH is set if a library's file is there.
	Main, Repository string
	GOPATH           bool
	// Owner is a handler of the service's. If the stack has none, Module is the
	// dependency's module that the handler is in.
	Owner, Module string
	// Led are functions of the service's that led a request on.
	Led []string
}

// See takes a class, the table's or Classify's own. It reports whether the class changes
// whose code the service's is. All classes then have to be classified again, and shown
// to See again.
func (h *Home) See(c *Class) (changed bool) {
	o := c.Origin
	if o == nil {
		return false
	}
	was := h.home()
	switch {
	case o.Main != "":
		h.main = o.Main
	case o.Repository != "":
		h.repo = o.Repository
	}
	h.gopath = h.gopath || o.GOPATH
	if o.Owner != "" {
		h.owners[o.Owner] = true
	}
	if o.Module != "" {
		h.handlers[o.Module] = true
	}
	for _, f := range o.Led {
		h.led[f] = true
	}
	now := h.home()
	if now.equal(was) {
		return false
	}
	if now.main != was.main || now.repo != was.repo {
		h.handlers, h.owners, h.led = map[string]bool{}, map[string]bool{}, map[string]bool{}
		now = h.home()
	}
	h.table = h.of.at(now)
	return true
}

// Moved reports whether Classify differs from the table's.
func (h *Home) Moved() bool { return h.table != nil && !h.table.home.equal(home{}) }

// Classify returns what a stack means, like Table.Classify.
func (h *Home) Classify(frames []breakdown.Frame) *Class { return h.table.Classify(frames) }

// home returns what was decided so far.
func (h *Home) home() home {
	out := home{main: h.main}
	if h.gopath {
		out.repo = h.repo
	}
	if !h.ownsHandlers() {
		out.modules = slices.Sorted(maps.Keys(h.handlers))
	}
	return out
}

// ownsHandlers reports whether the service has a handler that is not middleware: main
// may wrap the handlers of another module.
func (h *Home) ownsHandlers() bool {
	for f := range h.owners {
		if !h.led[f] {
			return true
		}
	}
	return false
}

// home is whose code the service's is, beside what is at no module's version. With a
// repo, nothing else is, apart from package main.
type home struct {
	main, repo string
	modules    []string
}

func (a home) equal(b home) bool {
	return a.main == b.main && a.repo == b.repo && slices.Equal(a.modules, b.modules)
}

// at returns a table with the same rules for another home.
func (t *Table) at(where home) *Table {
	moved := *t
	moved.home, moved.known = where, map[string]*function{}
	return &moved
}

// owns reports whether a function is the service's for certain, and adopted whether it
// is taken for the service's because of its handlers.
func (t *Table) owns(f breakdown.Frame, fn *function) (certain, adopted bool) {
	pkg := packageOf(f.Function)
	switch {
	case !strings.Contains(f.Function, "."):
		return false, false // the runtime's own, in assembly
	case isGlue(f):
		return pkg == "main" && IsService(f), false
	case t.home.repo != "" && pkg != "main":
		return fn.repo == t.home.repo, false
	case IsService(f), fn.module != "" && fn.module == t.home.main && !ruled[pkg]:
		return true, false
	}
	return false, fn.module != "" && !isInfrastructure(pkg) && slices.Contains(t.home.modules, fn.module)
}

// origin returns what a stack shows of whose code the service's is, nil if nothing.
// called are the functions that were dispatched to, the outermost first.
func origin(c *Class, funcs []*function, called []int) *Origin {
	var o Origin
	for i, f := range funcs {
		if c.Stack[i].Function == "main.main" {
			o.Main, o.Repository = f.module, f.repo
		}
		o.GOPATH = o.GOPATH || f.gopath
	}
	if n := len(called); n > 0 {
		for i := called[n-1]; i >= 0 && o.Owner == ""; i-- {
			if funcs[i].certain {
				o.Owner = strings.TrimSuffix(c.Stack[i].Function, "-fm")
			}
		}
		for _, i := range called[:n-1] {
			if funcs[i].certain {
				o.Led = append(o.Led, strings.TrimSuffix(c.Stack[i].Function, "-fm"))
			}
		}
		if f := funcs[called[n-1]]; o.Owner == "" && !isInfrastructure(packageOf(c.Stack[called[n-1]].Function)) {
			o.Module = f.module
		}
	}
	if o.Main == "" && o.Repository == "" && !o.GOPATH && o.Owner == "" && o.Module == "" && len(o.Led) == 0 {
		return nil
	}
	return &o
}

// adopt returns the functions with those of the handler's module as the service's, if the
// stack has none of the service's otherwise: what answers a request is the service for
// that request. It returns nil if there is nothing to adopt.
func adopt(c *Class, funcs []*function) (adopted []*function) {
	if c.Origin == nil || c.Origin.Module == "" || slices.ContainsFunc(funcs, func(f *function) bool { return f.service }) {
		return nil
	}
	adopted = slices.Clone(funcs)
	for i, f := range funcs {
		if f.module == c.Origin.Module && !isGlue(c.Stack[i]) && !isInfrastructure(packageOf(c.Stack[i].Function)) {
			own := *f
			own.service, own.library = true, false
			adopted[i] = &own
		}
	}
	return adopted
}

package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

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
	case l.Connects:
		c.Connects = true
	case l.LooksUp:
		c.LooksUp = true
	case l.Writes:
		c.Writes = true
	case l.GC:
		c.GC = true
	case l.Observer:
		c.Observer = true
	case l.Expires:
		c.Expires = true
	case l.Limited:
		c.Limited = true
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
	c.Timer, c.Purpose = timer(c, within)
	from, i := 0, outermost(within, isClient)
	if i < 0 && onlyNetwork(c.Stack[:inner]) {
		from, i = calledBack(c, funcs, inner)
	}
	if l := lentLock(c, within[:i+1]); from == 0 && l >= 0 {
		c.own(within[l].local, within[l].local.Phase, l)
		return
	}
	if i >= 0 {
		for _, f := range funcs[from : i+1] {
			if r := f.client; r != nil {
				c.Begins, c.Whole = c.Begins || r.Begins, c.Whole || r.Whole
				c.Stream, c.Opens = c.Stream || r.Stream, c.Opens || r.Opens
				c.Drops, c.Feeds = c.Drops || r.Drops, c.Feeds || r.Feeds
			}
		}
		c.Stream, c.Opens = c.Stream && !c.Begins, c.Opens && !c.Begins
		c.Opened = c.Opens && funcs[0].client != nil && funcs[0].client.Opens
		c.NoCall = noCall(funcs[from : i+1])
		c.Transaction = slices.ContainsFunc(c.Stack[from:i+1], func(f breakdown.Frame) bool { return inTransaction(f.Function) })
		c.own(funcs[i].client, innermostPhase(funcs[i].client, funcs[:i+1]), i)
		c.Tests = tests(c.Stack[from:i+1], c.Stack[i+1:])
		c.Awaits = awaits(c.Stack[from : i+1])
		c.System = system(c.Own, funcs[from:i+1])
		c.Client = clientOf(c.Stack[from : i+1])
		findHold(c, funcs[from:i+1])
		c.Transaction = c.Transaction || c.Hold == breakdown.BeginsTx // its statements wait for it
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
	} else {
		findRaw(c, funcs, inner)
	}
	if !c.InService && len(c.Stack) > 0 {
		c.Site = c.Stack[len(c.Stack)-1]
	}
}

// lentLock returns the index of the function that takes a lock for a library which a client
// calls for what it does, such as a transport that adds a token, -1 if there is none. client
// are the client's frames, leaf first.
func lentLock(c *Class, client []*function) int {
	lock := -1
	for i, f := range client {
		switch packageOf(c.Stack[i].Function) {
		case "runtime", "sync", "internal/sync":
			if f.local != nil && f.local.Bucket == breakdown.Lock {
				lock = i
			}
			continue
		}
		if !f.library || f.client != nil || !slices.ContainsFunc(client[i:], func(f *function) bool { return f.client != nil && f.client.Lends }) {
			return -1
		}
		return lock
	}
	return -1
}

// timer returns the library that a timer belongs to, and what it is for, if one ends a
// wait with these frames, "" if none does for certain: the innermost function outside the
// runtime waits for one, or sleeps.
func timer(c *Class, within []*function) (library string, p breakdown.Purpose) {
	for i, f := range within {
		switch name := c.Stack[i].Function; {
		case f.timer != nil:
			return f.timer.System, f.timer.Purpose
		case name == "time.Sleep":
			return sleeper(within[i+1:])
		case packageOf(name) != "runtime":
			return "", breakdown.NoPurpose
		}
	}
	return "", breakdown.NoPurpose
}

// sleeper returns the library that calls time.Sleep, and what for: one that has timers, or
// else a client, which sleeps in order to ask again. It returns "" if there is neither.
func sleeper(callers []*function) (library string, p breakdown.Purpose) {
	for _, f := range callers {
		if f.timer != nil {
			return f.timer.System, f.timer.Purpose
		}
		if f.client != nil {
			break
		}
	}
	if i := outermost(callers, isClient); i >= 0 {
		return system(callers[i].client, callers[:i+1]), breakdown.BackOff
	}
	return "", breakdown.NoPurpose
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

// findBetween returns the index of the innermost frame that does more than wait, or the
// number of frames. It sets Between if that is above the service's code, which is at site.
func findBetween(c *Class, funcs []*function, site int) int {
	i := slices.IndexFunc(c.Stack, func(f breakdown.Frame) bool {
		switch packageOf(f.Function) {
		case "runtime", "sync", "internal/sync":
			return false
		}
		return true
	})
	if i < 0 {
		return len(c.Stack)
	}
	leads := func(f *function) bool { return f.dispatch != dispatchNone }
	c.Between = i < site && slices.ContainsFunc(funcs[i:min(i+2, len(funcs))], leads)
	return i
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

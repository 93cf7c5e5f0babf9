package timeline

import (
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Before Go 1.22, a trace says when a system call began. It says when the call ended
// only if the runtime took the processor away in the meantime, which takes up to 10
// ms if no other goroutine needs it. The other calls appear to take no time. How long
// they took has to be inferred from the goroutine's next event.

// followCall handles a change of state in a trace whose system calls take no time.
// What the goroutine ran since its last call on a file belongs to that call if the
// service's function went on to another call on a file: between the two it hardly
// does anything that takes long. What it ran before any other event remains cpu, and
// is summed.
func (m *machine) followCall(g *goroutine, at int64, state trace.State, class *class) {
	if g.state == trace.StateSyscall && state == trace.StateRunning && ofFile(g.class) {
		g.ensureRare().called = g.class
		return
	}
	called := g.called
	if called == nil {
		return
	}
	g.called = nil
	if r := m.worksFor(g); r == nil || r.observer || g.state != trace.StateRunning || g.assist {
		return
	}
	ran := max(0, at-g.since)
	if state != trace.StateSyscall || !ofFile(class) || !goesOn(called, class) {
		m.sum.AfterCalls += ran
		return
	}
	m.sum.InCalls += ran
	g.state, g.class = trace.StateSyscall, called
}

// ofFile reports whether the stack is in a system call on a file.
func ofFile(c *class) bool { return c != nil && c.Own != nil && c.Own.Bucket == breakdown.File }

// goesOn reports whether one function of the service made both calls, the second
// further on. Otherwise they may be from two iterations of a loop, which works in
// between. After a read or write of a file, which mostly copies memory, and after a
// close, it is just as likely that the function worked.
func goesOn(called, next *class) bool {
	from, to := &called.Site, &next.Site
	return called.InService && next.InService && from.Function == to.Function &&
		(from.Line < to.Line || from.Line == to.Line && called != next) && !isBrief(called)
}

// brief are the system calls that hardly wait.
var brief = map[string]bool{"read": true, "write": true, "pread": true, "pwrite": true, "readv": true, "writev": true,
	"close": true, "readfile": true, "writefile": true, "closehandle": true, "fcntl": true, "lseek": true, "seek": true}

// isBrief reports whether the stack is in a system call that hardly waits.
func isBrief(c *class) bool {
	for _, f := range c.Stack {
		name, ok := strings.CutPrefix(rules.BaseName(f.Function), "syscall.")
		if !ok {
			return false
		}
		if brief[strings.ToLower(name)] {
			return true
		}
	}
	return false
}

package timeline

import (
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Before Go 1.22 a trace tells when a system call began, and when it ended only
// where the runtime had taken the processor away meanwhile: after up to 10 ms where
// nobody else needed it. The others last no time, and how long they did has to be
// told from the goroutine's next event.

// followCall looks at a goroutine that comes to another state, in a trace whose
// system calls last no time. What it ran since its last call of a file's belongs to
// that call where the service's function went on to another one of a file's: between
// them it hardly does anything that takes long. What it ran until anything else is
// left as cpu, and summed up.
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

// ofFile reports whether a stack is in a system call of a file's.
func ofFile(c *class) bool { return c != nil && c.Own != nil && c.Own.Bucket == breakdown.File }

// goesOn reports whether one function of the service made both calls, the second one
// further on: else they may be of two turns of a loop, which works in between. After
// a read or a write of a file, which mostly copy memory, and after a close it is no
// less likely that the function worked.
func goesOn(called, next *class) bool {
	from, to := &called.Site, &next.Site
	return called.InService && next.InService && from.Function == to.Function &&
		(from.Line < to.Line || from.Line == to.Line && called != next) && !isBrief(called)
}

// brief are the system calls that hardly wait.
var brief = map[string]bool{"read": true, "write": true, "pread": true, "pwrite": true, "readv": true, "writev": true,
	"close": true, "readfile": true, "writefile": true, "closehandle": true, "fcntl": true, "lseek": true, "seek": true}

// isBrief reports whether a stack is in a system call that hardly waits.
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

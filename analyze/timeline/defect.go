package timeline

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// A Defect is a panic: an error in timesink, whatever the input holds. As an error it costs
// the answer, but not the capture that is being taken, nor the other files.
type Defect struct {
	What any      // what the panic said
	At   []string // the innermost functions, each with its file and line, that which panicked first
}

func (d *Defect) Error() string {
	text := fmt.Sprintf("a bug in timesink: %v", d.What)
	if len(d.At) > 0 {
		text += ", in " + strings.Join(d.At, ", called by ")
	}
	return text
}

// mostAt is how many functions a Defect names.
const mostAt = 4

// Recovered returns the Defect for what recover returned, nil for nil. It must be called by
// the deferred function itself, which runs where the panic was.
func Recovered(panicked any) *Defect {
	if panicked == nil {
		return nil
	}
	if d, ok := panicked.(*Defect); ok {
		return d // of another goroutine
	}
	d := &Defect{What: panicked}
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for within := false; len(d.At) < mostAt; {
		f, more := frames.Next()
		switch name := f.Function; {
		case name == "runtime.gopanic":
			within = true
		case within && !strings.HasPrefix(name, "runtime."):
			d.At = append(d.At, fmt.Sprintf("%s (%s:%d)", name[strings.LastIndexByte(name, '/')+1:], filepath.Base(f.File), f.Line))
		}
		if !more {
			break
		}
	}
	return d
}

// Caught, if deferred, turns a panic into an error that is a *Defect.
func Caught(err *error) {
	if d := Recovered(recover()); d != nil {
		*err = d
	}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"timesink/collect/capture"
)

// A group is a shell command that runs with all that it starts.
type group struct {
	what  string // for errors: "--before"
	cmd   *exec.Cmd
	said  lastOutput
	ended chan struct{} // closed when the shell has exited, after err is set
	err   error
}

// patienceWithGroups is how long a group may take to exit before it is killed.
const patienceWithGroups = 10 * time.Second

// startGroup runs a command line of a flag, for one side.
func startGroup(what, line, side string) (*group, error) {
	g := &group{what: what, cmd: shell(line), ended: make(chan struct{})}
	g.cmd.Env = append(os.Environ(), "TIMESINK_SIDE="+side)
	g.cmd.Stdout, g.cmd.Stderr = &g.said, &g.said
	g.cmd.WaitDelay = time.Second // what the shell has left behind may hold its output
	if err := g.cmd.Start(); err != nil {
		return nil, &capture.Error{Op: "start " + what, Err: err, Hint: "it is run by a shell: check that it works there"}
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	return g, nil
}

// end ends all processes of the group.
func (g *group) end() {
	endGroup(g.cmd.Process, patienceWithGroups)
	<-g.ended
}

// early returns the error of a group whose shell has exited before it should have.
func (g *group) early(before string) error {
	why := "with exit status 0"
	if g.err != nil {
		why = "with " + g.err.Error()
	}
	hint := "it has to stay in the foreground; it printed nothing"
	if said := g.said.String(); said != "" {
		hint = "it printed: " + said
	}
	return &capture.Error{Op: "run " + g.what, Err: fmt.Errorf("it ended %s before %s", why, before), Hint: hint}
}

// lastOutput keeps the end of what is written to it.
type lastOutput struct {
	mu  sync.Mutex
	end []byte
}

const mostLastOutput = 400

func (o *lastOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end = append(o.end, p...)
	if over := len(o.end) - mostLastOutput; over > 0 {
		o.end = append(o.end[:0], o.end[over:]...)
	}
	return len(p), nil
}

func (o *lastOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.TrimSpace(o.end))
}

// Package child runs processes that do not outlive their parent.
//
// A child has the read end of a pipe as its standard input, its leash, and exits
// at its end of file. The system closes the write end when the parent dies, for
// whatever reason. A Ctrl-C reaches all processes of a terminal, but leaves the
// order of exits to the parent. The child must watch its standard input: vin.Main
// does so with --leash.
package child

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// patience is how long a child may take to exit after its leash is closed before
// it is killed. Tests shorten it.
var patience = 30 * time.Second

// A Process is a running child.
type Process struct {
	name   string
	cmd    *exec.Cmd
	leash  io.Closer
	stderr tail
	ended  chan struct{} // closed when err is set
	err    error
}

// Start starts a child, waits for its first line of output, and decodes that line,
// which is JSON, into ready. Later output is dropped, except that errors include
// the end of the child's standard error. The context limits the wait, not the
// child's life: end that with [Process.Stop].
func Start(ctx context.Context, exe string, args []string, ready any) (*Process, error) {
	line := make(chan []byte, 1)
	p, err := start(exe, args, func(stdout io.Reader) {
		r := bufio.NewReader(stdout)
		if first, err := r.ReadBytes('\n'); err == nil {
			line <- first
		}
		io.Copy(io.Discard, r)
	})
	if err != nil {
		return nil, err
	}
	select {
	case first := <-line:
		if err := json.Unmarshal(first, ready); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: its first line %.100q: %w", p.name, first, err), p.Stop())
		}
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended before it was ready: %w", p.name, p.failure())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("waiting for %s to be ready: %w", p.name, ctx.Err()), p.Stop())
	}
}

// Output runs a child until it exits and decodes its output, one JSON value, into
// answer. When the context ends, Output closes the child's leash and decodes what
// the child prints then.
func Output(ctx context.Context, exe string, args []string, answer any) error {
	var printed []byte
	p, err := start(exe, args, func(stdout io.Reader) { printed, _ = io.ReadAll(stdout) })
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
	if err := p.Stop(); err != nil {
		return err
	}
	if err := json.Unmarshal(printed, answer); err != nil {
		return fmt.Errorf("%s: its answer %.100q: %w", p.name, printed, err)
	}
	return nil
}

// start starts a child, passes its standard output to read, and waits for its end.
func start(exe string, args []string, read func(stdout io.Reader)) (*Process, error) {
	p := &Process{name: filepath.Base(exe), cmd: exec.Command(exe, args...), ended: make(chan struct{})}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			break
		}
		p.name += " " + arg // the subcommand
	}
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.leash = stdin
	go func() {
		defer close(p.ended)
		read(stdout)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// PID returns the child's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended returns a channel that is closed when the child has exited, by itself or
// by [Process.Stop].
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop closes the leash and waits for the child to exit. It returns an error if
// the child failed or had to be killed. Stop may be called more than once.
func (p *Process) Stop() error {
	p.leash.Close() // fails if the child has exited and Wait has closed it
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end within %v and was killed", p.name, patience)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.failure())
	}
	return nil
}

// failure returns the error of an exited child, with the end of its standard
// error.
func (p *Process) failure() error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if said := p.stderr.String(); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if over := len(t.end) - tailSize; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.end))
}

package discover

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// A forward is a port of a pod that kubectl forwards to this machine. It lasts until it
// is ended, or until kubectl exits because the pod or the connection has gone.
type forward struct {
	target string
	cancel context.CancelFunc
	stderr *lastLines
	ended  chan struct{} // closed when kubectl has exited, after err is set
	err    error
}

// patienceWithForwards is how long kubectl may take to forward a port.
const patienceWithForwards = 30 * time.Second

// maxOutputLine is the longest line of kubectl's output that is read, in bytes.
const maxOutputLine = 64 << 10

// forwarding matches the line with which kubectl says that it listens: for each address,
// such as 127.0.0.1 and [::1], one.
var forwarding = regexp.MustCompile(`^Forwarding from (\S+:\d+) -> \d+`)

// forward forwards the pod's port to a free one of this machine, and returns once it can
// be connected to. That the pod listens there is not known then.
func (p *pod) forward(ctx context.Context) (*forward, error) {
	op := "forward a port of pod " + p.name
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the window outlives an interrupt
	k := *p.of
	k.Namespace = cmp.Or(p.namespace, k.Namespace)
	cmd := k.command(run, "port-forward", "pod/"+p.name, fmt.Sprintf(":%d", p.port), "--address", "127.0.0.1", "--pod-running-timeout", "10s")
	f := &forward{cancel: cancel, stderr: &lastLines{}, ended: make(chan struct{})}
	cmd.Stderr = f.stderr
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, notStarted(op, err)
	}
	listens := make(chan string, 1)
	go func() {
		lines := bounded.NewLines(out, maxOutputLine)
		for {
			line, err := lines.Next()
			if err != nil {
				io.Copy(io.Discard, out) // so that kubectl never waits for a reader
				return
			}
			if m := forwarding.FindSubmatch(bytes.TrimSpace(line)); m != nil {
				select {
				case listens <- string(m[1]):
				default:
				}
			}
		}
	}()
	go func() {
		f.err = cmd.Wait()
		in.Close()
		close(f.ended)
	}()
	late := time.NewTimer(patienceWithForwards)
	defer late.Stop()
	select {
	case at := <-listens:
		f.target = cmp.Or(p.of.Scheme, "http") + "://" + at
		if p.of.Path != "" {
			f.target += "/" + strings.TrimPrefix(p.of.Path, "/")
		}
		return f, nil
	case <-f.ended:
		cancel()
		return nil, &capture.Error{Op: op, Err: f.early(), Hint: "see kubectl port-forward pod/" + p.name}
	case <-ctx.Done():
		f.end(false)
		return nil, context.Cause(ctx)
	case <-late.C:
		f.end(false)
		return nil, &capture.Error{Op: op, Err: errors.New(cmp.Or(f.stderr.last(), "kubectl did not say that it listens")), Hint: "see kubectl port-forward pod/" + p.name}
	}
}

// early returns why kubectl has exited by itself.
func (f *forward) early() error {
	why := "exit status 0"
	if f.err != nil {
		why = f.err.Error()
	}
	return fmt.Errorf("kubectl ended: %s", cmp.Or(f.stderr.last(), why))
}

// patienceWithReasons is how long kubectl may take to say why a connection was closed: it
// says so after that, and then exits.
const patienceWithReasons = 2 * time.Second

// end ends kubectl and waits for it. It returns why it had ended before that, or what it
// could not forward, nil if all went well. If something failed, it first waits for kubectl
// to say what.
func (f *forward) end(failed bool) error {
	if failed && f.stderr.last() == "" {
		select {
		case <-f.ended:
		case <-time.After(patienceWithReasons):
		}
	}
	var why error
	select {
	case <-f.ended:
		why = f.early()
	default:
		if said := f.stderr.last(); strings.Contains(said, "error") || strings.Contains(said, "unable") {
			why = fmt.Errorf("kubectl: %s", said)
		}
	}
	f.cancel()
	<-f.ended
	return why
}

// lastLines keeps the end of what is written to it.
type lastLines struct {
	mu  sync.Mutex
	end []byte
}

const mostLastLines = 4 << 10

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = append(l.end, p...)
	if over := len(l.end) - mostLastLines; over > 0 {
		l.end = append(l.end[:0], l.end[over:]...)
	}
	return len(p), nil
}

// last returns the last line that says what went wrong, without what kubectl's logger puts
// before it. "lost connection to pod" says less than what comes before it.
func (l *lastLines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := ""
	for line := range strings.Lines(string(l.end)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case found != "" && strings.HasSuffix(line, "lost connection to pod"):
		default:
			found = logged.ReplaceAllString(line, "")
			if m := quoted.FindStringSubmatch(found); m != nil {
				found = m[1]
			}
		}
	}
	return found
}

// quoted matches what newer versions log: "Unhandled Error" err="…" logger="…".
var quoted = regexp.MustCompile(`^"Unhandled Error" err="(.*?)"(?: logger=".*")?$`)

// logged matches what klog puts before a message: E0125 16:35:32.441184   17073
// portforward.go:400], and the error: of kubectl.
var logged = regexp.MustCompile(`^(?:[IWEF]\d{4} [\d:.]+\s+\d+ [\w.-]+:\d+\] |error: )`)

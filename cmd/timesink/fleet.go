package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/collect/discover"
)

// A fleet collects from several instances of a service at the same time.
type fleet struct {
	t        *tool
	flags    *collectFlags
	folder   string
	members  []*member
	progress *progress

	mu sync.Mutex // guards what members show of their progress
}

// A member is one instance, and what became of its capture.
type member struct {
	discover.Instance
	path     string
	manifest *capture.Manifest
	err      error  // why there is no capture
	note     string // what went wrong beside it
	begun    bool
	ended    bool
	now      collect.Progress
}

// checkFleet returns a usage error for flags that are about a single target.
func (f *collectFlags) checkFleet() error {
	switch {
	case len(f.urls) > 0 || f.urlFile != "":
		return usage("--url probes one service, not each of several instances", "leave it out, or observe one instance")
	case f.overhead > 0:
		return usage("--max-overhead watches one instance", "leave it out, or observe one instance")
	case !f.duration.auto && f.duration.length <= 0:
		return usagef("give a time such as 10s", "cannot observe for %s", f.duration.length)
	case len(f.endpoints) > 0:
		return usage("--endpoint applies to a single target only", "several are observed for a time that is given (-d 10s)")
	}
	return f.checkLight()
}

// newFleet finds the instances and decides where their captures go. It creates the
// folder.
func (t *tool) newFleet(ctx context.Context, flags *collectFlags, targets []string) (*fleet, error) {
	if err := flags.checkFleet(); err != nil {
		return nil, err
	}
	if err := flags.push.check(flags.tls); err != nil {
		return nil, err
	}
	found, err := flags.find(ctx, targets)
	if err != nil {
		return nil, err
	}
	f := &fleet{t: t, flags: flags, folder: flags.output, progress: t.progress()}
	if f.folder == "" {
		f.folder = "timesink-" + time.Now().UTC().Format("20060102T150405Z")
	}
	if info, err := os.Stat(f.folder); err == nil && !info.IsDir() || strings.HasSuffix(f.folder, ".zip") {
		return nil, usagef("give -o a folder: each instance has a capture of its own", "%s is no folder", f.folder)
	}
	names := discover.FileNames(found)
	for i, instance := range found {
		path := filepath.Join(f.folder, names[i]+".zip")
		if !missing(path) || !missing(path+capture.PartialSuffix) {
			return nil, &capture.Error{Op: "write " + path, Err: capture.ErrExists, Hint: "give another folder with -o"}
		}
		f.members = append(f.members, &member{Instance: instance, path: path})
	}
	if err := os.MkdirAll(f.folder, 0o777); err != nil {
		return nil, &capture.Error{Op: "create the folder " + f.folder, Err: cause(err), Hint: "give another one with -o"}
	}
	return f, nil
}

// collect takes a capture of each instance, some of them at once. The first interrupt
// ends all windows early and keeps what was collected; a second one quits.
func (f *fleet) collect(ctx context.Context) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		stop()
		f.progress.note("ending early and keeping what was collected; interrupt again to quit at once")
	})()
	room := make(chan struct{}, f.flags.parallel)
	var all sync.WaitGroup
	for _, m := range f.members {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			f.end(m, nil, errors.New("it was not observed, because of the interrupt"))
			continue
		}
		all.Go(func() {
			defer func() { <-room }()
			f.begin(m)
			manifest, err := f.take(ctx, m)
			f.end(m, manifest, err)
		})
	}
	all.Wait()
	f.progress.done()
}

func (f *fleet) begin(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.begun = true
}

func (f *fleet) end(m *member, manifest *capture.Manifest, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.manifest, m.err, m.ended = manifest, err, true
}

// take takes the capture of one instance.
func (f *fleet) take(ctx context.Context, m *member) (manifest *capture.Manifest, err error) {
	at, end, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if why := end(err != nil); why != nil && err != nil {
			err = &capture.Error{Err: why, Hint: capture.Hint(err)} // what kubectl says of the pod says more than a closed connection
		} else if why != nil {
			m.note = why.Error()
		}
	}()
	target, err := f.flags.target(at)
	if err != nil {
		return nil, err
	}
	cfg := collect.Config{
		Target: target, Window: f.flags.duration.fixed(), MaxBytes: int64(f.flags.maxBytes), NoTrace: f.flags.noTrace, Light: f.flags.light,
		Instance: m.Name, Labels: m.Labels, Tool: thisTool(), Log: f.t.log().With("instance", m.Name),
		Others:  func() int64 { return f.others(m) },
		Observe: func(now collect.Progress) { f.observe(m, now) },
	}
	return collect.Run(ctx, cfg, m.path)
}

// others returns how much of the disk the other captures still need: as much again as
// their traces, until they are whole.
func (f *fleet) others(than *member) (sum int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if m != than && m.begun && !m.ended {
			sum += m.now.Bytes
		}
	}
	return sum
}

// observe keeps the progress of one instance, and shows that of all.
func (f *fleet) observe(m *member, now collect.Progress) {
	f.mu.Lock()
	m.now = now
	text := f.line()
	f.mu.Unlock()
	f.progress.say(text)
}

// line says how far all of them are.
func (f *fleet) line() string {
	whole, dead, under, bytes := 0, 0, 0, int64(0)
	furthest := collect.Progress{}
	for _, m := range f.members {
		switch {
		case m.ended && m.err != nil:
			dead++
		case m.ended:
			whole++
		case m.begun:
			under++
			if m.now.Stage == collect.StageWindow && m.now.Elapsed > furthest.Elapsed {
				furthest = m.now
			}
		}
		bytes += m.now.Bytes
	}
	text := fmt.Sprintf("%d instances: %d under way, %d done", len(f.members), under, whole)
	if dead > 0 {
		text += fmt.Sprintf(", %d failed", dead)
	}
	if furthest.Of > 0 {
		text += fmt.Sprintf(", %.1f of %.1f s", min(furthest.Elapsed, furthest.Of).Seconds(), furthest.Of.Seconds())
	}
	if bytes > 0 {
		text += ", " + collect.BytesText(bytes) + " of trace"
	}
	return text
}

// report prints what became of each instance to standard error. It returns the captures'
// paths, and an error if there is none.
func (f *fleet) report() (paths []string, err error) {
	size, first := int64(0), error(nil)
	for _, m := range f.members {
		if m.err != nil {
			if first == nil {
				first = m.err
			}
			continue
		}
		paths = append(paths, m.path)
		size += sizeOf(m.path)
	}
	if len(paths) == 0 {
		os.Remove(f.folder) // if it is empty
		return nil, f.allFailed(first)
	}
	fmt.Fprintf(f.t.stderr, "saved %s of %s in %s, %s\n", number(len(paths), "capture"), number(len(f.members), "instance"), oneLine(f.folder), collect.BytesText(size))
	if dead := f.dead(); len(dead) > 0 {
		fmt.Fprintf(f.t.stderr, "warning: %s\n", oneLine(deadText(dead, len(f.members))))
	}
	for _, w := range f.warnings() {
		fmt.Fprintf(f.t.stderr, "warning: %s\n", oneLine(w))
	}
	return paths, nil
}

func (f *fleet) allFailed(first error) error {
	if len(f.members) == 1 {
		return first
	}
	const shown = 3
	texts := f.dead()
	if len(texts) > shown {
		texts = append(texts[:shown], fmt.Sprintf("and %d more", len(texts)-shown))
	}
	return &capture.Error{Op: fmt.Sprintf("collect from %d instances", len(f.members)), Err: &allError{strings.Join(texts, "; "), first}, Hint: cmp.Or(capture.Hint(first), "see each of them with timesink doctor")}
}

// An allError is the first of several errors, with the text of all.
type allError struct {
	text string
	error
}

func (e *allError) Error() string { return e.text }
func (e *allError) Unwrap() error { return e.error }

// dead returns the names of the instances without a capture, and why.
func (f *fleet) dead() (list []string) {
	for _, m := range f.members {
		if m.err != nil {
			list = append(list, m.Name+": "+reason(m.err))
		}
	}
	return list
}

// number returns a number of things.
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// mostNamed is how many instances a message names.
const mostNamed = 12

func deadText(dead []string, of int) string {
	more, all := "", len(dead)
	if n := all - mostNamed; n > 0 {
		dead, more = dead[:mostNamed], fmt.Sprintf("; and %d more", n)
	}
	return fmt.Sprintf("%d of %d instances gave no capture: %s%s", all, of, strings.Join(dead, "; "), more)
}

// warnings returns the warnings of the captures, each once, with the instances that it is
// about.
func (f *fleet) warnings() (list []string) {
	about := map[string][]string{}
	add := func(m *member, text string) {
		if text == "" {
			return
		}
		if about[text] == nil {
			list = append(list, text)
		}
		about[text] = append(about[text], m.Name)
	}
	for _, m := range f.members {
		if m.manifest == nil {
			continue
		}
		for _, w := range m.manifest.Warnings {
			add(m, w.Message)
		}
		add(m, m.note)
	}
	for i, text := range list {
		names := about[text]
		if n := len(names) - mostNamed; n > 0 {
			names = append(names[:mostNamed:mostNamed], fmt.Sprintf("and %d more", n))
		}
		list[i] = strings.Join(names, ", ") + ": " + text
	}
	return list
}

// collectFleet is the command collect for several instances.
func (t *tool) collectFleet(ctx context.Context, flags *collectFlags, targets []string) error {
	f, err := t.newFleet(ctx, flags, targets)
	if err != nil {
		return err
	}
	f.collect(ctx)
	paths, err := f.report()
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, err := fmt.Fprintln(t.stdout, path); err != nil {
			return err
		}
	}
	return f.push(ctx, paths, analyze.Options{})
}

// push pushes the captures to where the flags say.
func (f *fleet) push(ctx context.Context, paths []string, opts analyze.Options) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, f.t.pushFile(ctx, path, opts, &f.flags.push))
	}
	return errors.Join(errs...)
}

// runFleet is the command run for several instances.
func (t *tool) runFleet(ctx context.Context, flags *collectFlags, answer *answerFlags, targets []string) error {
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	f, err := t.newFleet(ctx, flags, targets)
	if err != nil {
		return err
	}
	f.collect(ctx)
	paths, err := f.report()
	if err != nil {
		return err
	}
	b, err := f.analyze(ctx, answer.options())
	if err == nil {
		err = answer.write(t.stdout, b, t.verbose)
	}
	return errors.Join(err, f.push(ctx, paths, answer.options()))
}

// analyze analyzes the captures, one after another. Those that cannot be analyzed are
// left out and named, unless none can.
func (f *fleet) analyze(ctx context.Context, opts analyze.Options) (*breakdown.Breakdown, error) {
	opts.Missing, opts.Spread = f.dead(), true
	var captures []*capture.Capture
	defer func() {
		for _, c := range captures {
			c.Close()
		}
	}()
	leave := func(name string, err error) {
		opts.Missing = append(opts.Missing, name+": "+reason(err))
		fmt.Fprintf(f.t.stderr, "warning: %s is left out of the answer: %s\n", oneLine(name), reason(err))
	}
	var names []string
	var sampled []*capture.Capture
	var first error
	for _, m := range f.members {
		if m.err != nil {
			continue
		}
		c, err := f.t.open(m.path)
		switch {
		case err != nil:
			if first == nil {
				first = err
			}
			leave(m.Name, err)
		case c.Manifest().Sampling != nil:
			sampled = append(sampled, c)
			leave(m.Name, errors.New("it has samples in place of a trace, which cannot be merged"))
		default:
			captures, names = append(captures, c), append(names, m.Name)
		}
	}
	for _, c := range sampled {
		defer c.Close()
	}
	if len(captures) == 0 && len(sampled) > 0 {
		return f.t.analyzeAll(ctx, sampled[:1], opts)
	}
	for len(captures) > 0 {
		b, err := f.t.analyzeAll(ctx, captures, opts)
		var one *analyze.CaptureError
		if len(captures) == 1 || !errors.As(err, &one) {
			return b, err
		}
		leave(names[one.Index], one.Err)
		captures[one.Index].Close()
		captures = append(captures[:one.Index:one.Index], captures[one.Index+1:]...)
		names = append(names[:one.Index:one.Index], names[one.Index+1:]...)
	}
	return nil, first
}

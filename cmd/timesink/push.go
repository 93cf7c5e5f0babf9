package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/collect/send"
	"timesink/report"
	"timesink/report/rows"
)

// pushHeaderEnv holds header lines for --push, where no flag gives any.
const pushHeaderEnv = "TIMESINK_PUSH_HEADER"

// pushFlags are the flags of the commands that push evidence.
type pushFlags struct {
	to         []string
	headers    []string
	headerFile string
	spool      string
	spoolSize  byteSize
	patience   time.Duration
	private    *bool // set by --no-redact, or --push-private

	destinations []send.Destination
}

// register adds the flags. private is what keeps private data, nil for a flag of its own.
func (f *pushFlags) register(cmd *cobra.Command, private *bool) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.to, "push", nil, "also send the evidence there: otlp=URL (requests as traces), pyroscope=URL (wall time and CPU), file=DIR or s3=s3://BUCKET/PREFIX (the capture) (`KIND=PLACE`, repeatable)")
	flags.StringArrayVar(&f.headers, "push-header", nil, "add this `header` to what is pushed over HTTP: \"Name: value\" (repeatable); visible in process listings")
	flags.StringVar(&f.headerFile, "push-header-file", "", "read such headers from `FILE`, one per line (default $"+pushHeaderEnv+")")
	flags.StringVar(&f.spool, "spool", "", "keep what could not be pushed in the folder `DIR`, for the next run (default in the user's cache folder)")
	f.spoolSize = 1e9
	flags.Var(&f.spoolSize, "spool-size", "keep at most this `size` there")
	flags.DurationVar(&f.patience, "push-patience", 30*time.Second, "try for this long to push one piece of evidence, before it is kept")
	if f.private = private; private == nil {
		f.private = new(bool)
		flags.BoolVar(f.private, "push-private", false, "push private data too: host names, query strings, user names and home directories in paths")
	}
}

// check opens the destinations. It asks none of them anything.
func (f *pushFlags) check(access collect.TLS) error {
	f.destinations = nil
	if len(f.to) == 0 {
		return nil
	}
	header, err := headersOf(f.headers, "the headers for pushing", f.headerFile, pushHeaderEnv)
	if err != nil {
		return err
	}
	if f.spool == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return usageError{&capture.Error{Op: "find a folder to keep evidence in until it is pushed", Err: err, Hint: "name one with --spool"}}
		}
		f.spool = filepath.Join(cache, "timesink", "spool")
	}
	for _, text := range f.to {
		to, err := send.Open(text, send.Access{Header: header, Agent: "timesink/" + thisTool().Version, TLS: access})
		if err != nil {
			return usageError{err}
		}
		f.destinations = append(f.destinations, to)
	}
	return nil
}

// exposed returns a warning for each secret on the command line.
func (f *pushFlags) exposed() (list []string) {
	if holdsSecret(f.headers) {
		list = append(list, "the value of --push-header is visible in process listings: use --push-header-file or $"+pushHeaderEnv)
	}
	for _, text := range f.to {
		_, place, _ := strings.Cut(text, "=")
		if what := secretIn(place); what != "" && strings.Contains(place, "://") && !strings.HasPrefix(place, "s3://") {
			return append(list, what+" of --push is visible in process listings: use --push-header-file or $"+pushHeaderEnv)
		}
	}
	return list
}

// push sends the evidence of captures to where the flags say, each capture as a case by
// itself. What could not be sent is kept for a later run, and said. It returns an error if
// that needs somebody to do something, or if something is neither sent nor kept.
func (t *tool) push(ctx context.Context, captures []*capture.Capture, opts analyze.Options, flags *pushFlags) error {
	if len(flags.destinations) == 0 {
		return nil
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // which keeps the rest
	defer stop()
	temp, err := os.MkdirTemp("", "timesink-push-*")
	if err != nil {
		return &capture.Error{Op: "push the evidence", Err: capture.Plain(err), Hint: "free some space, or set TMPDIR to a folder on another disk"}
	}
	defer os.RemoveAll(temp)
	var items []send.Item
	var broken error
	for _, c := range captures {
		list, err := t.itemsOf(ctx, c, opts, flags, temp)
		items, broken = append(items, list...), errors.Join(broken, err)
	}
	p := &send.Pusher{Destinations: flags.destinations, Spool: send.OpenSpool(flags.spool, int64(flags.spoolSize)), Patience: flags.patience,
		Note: func(to string, wait time.Duration, err error) {
			t.log().Info("push again", "to", to, "after", wait, "because", err)
		}}
	return errors.Join(broken, t.pushed(p.Push(ctx, items), flags))
}

// pushFile pushes a capture that was just saved.
func (t *tool) pushFile(ctx context.Context, path string, opts analyze.Options, flags *pushFlags) error {
	if len(flags.destinations) == 0 {
		return nil
	}
	c, err := t.open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	return t.push(ctx, []*capture.Capture{c}, opts, flags)
}

// pushed reports what became of what was pushed.
func (t *tool) pushed(r send.Result, flags *pushFlags) error {
	if r.Sent > 0 {
		fmt.Fprintf(t.stderr, "pushed %d\n", r.Sent)
	}
	var bad []error
	for _, f := range r.Failures {
		if f.Passing {
			t.notes([]string{fmt.Sprintf("%v; kept %d in %s for the next run with this --push", f.Err, f.Kept, flags.spool)})
			continue
		}
		err := f.Err
		if f.Kept > 0 {
			err = fmt.Errorf("%w; kept %d in %s for the next run with this --push", err, f.Kept, flags.spool)
		}
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

// itemsOf returns what of a capture goes to each of the destinations.
func (t *tool) itemsOf(ctx context.Context, c *capture.Capture, opts analyze.Options, flags *pushFlags, temp string) ([]send.Item, error) {
	m := &pushing{c: c}
	var err error
	if m.caseID, err = c.Case(); err != nil {
		return nil, err
	}
	if !*flags.private {
		m.redactor = redact.New(c.Manifest())
	}
	var items []send.Item
	for _, to := range flags.destinations {
		var list []send.Item
		switch to.Kind() {
		case send.OTLP:
			list, err = m.traces(ctx, t, to, opts)
		case send.Pyroscope:
			list, err = m.profiles(ctx, t, to, opts)
		default:
			list, err = m.file(ctx, to, temp)
		}
		if err != nil {
			return items, err
		}
		items = append(items, list...)
	}
	return items, nil
}

// A pushing is one case on its way.
type pushing struct {
	c        *capture.Capture
	caseID   string
	redactor *redact.Redactor // nil if private data is kept
	k        *ticket          // nil until it is needed
	copied   string           // the redacted copy of the capture, "" until it is needed
}

// answer analyzes the capture, once.
func (p *pushing) answer(ctx context.Context, t *tool, opts analyze.Options) (*ticket, error) {
	if p.k != nil {
		return p.k, nil
	}
	opts.Detail = true
	captures := []*capture.Capture{p.c}
	k := &ticket{captures: captures, memory: opts.Memory}
	var err error
	if k.b, err = t.analyzeAll(ctx, captures, opts); err != nil {
		return nil, err
	}
	if !k.b.Estimate {
		if k.specimens, err = analyze.Requests(ctx, captures, opts, k.b, report.SpreadOver(k.b, 0)); err != nil {
			return nil, err
		}
	}
	if p.redactor != nil {
		k.redact(captures)
	}
	p.k = k
	return k, nil
}

// tracesAtOnce is how many requests go into one message: collectors limit its size.
const tracesAtOnce = 50

// traces returns the requests that a report shows as traces.
func (p *pushing) traces(ctx context.Context, t *tool, to send.Destination, opts analyze.Options) (items []send.Item, err error) {
	k, err := p.answer(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(k.specimens, tracesAtOnce) {
		var buf bytes.Buffer
		if err := report.OTLP(&buf, k.b, part, report.OTLPOptions{Binary: true}); err != nil {
			return nil, err
		}
		i := send.NewItem(to, p.caseID, fmt.Sprintf("%s/traces/%d", p.caseID, len(items)+1), inMemory(buf.Bytes()))
		i.Type = "application/x-protobuf"
		items = append(items, i)
	}
	return items, nil
}

// profiles returns the wall time and the CPU time as profiles.
func (p *pushing) profiles(ctx context.Context, t *tool, to send.Destination, opts analyze.Options) (items []send.Item, err error) {
	k, err := p.answer(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	from, until := p.window(k.b)
	for _, kind := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"wall", func(w io.Writer) error { return report.WallProfile(w, k.b) }},
		{"cpu", k.cpu},
	} {
		var buf bytes.Buffer
		if err := kind.write(&buf); err != nil {
			return nil, err
		}
		i := send.NewItem(to, p.caseID, p.caseID+"/"+kind.name, inMemory(buf.Bytes()))
		i.Query = map[string]string{
			"name": p.application(k.b), "spyName": "gospy", "from": strconv.FormatInt(from, 10), "until": strconv.FormatInt(until, 10),
		}
		items = append(items, i)
	}
	t.warnings(k.left)
	return items, nil
}

// window returns when the window began and ended, in ns since 1970.
func (p *pushing) window(b *breakdown.Breakdown) (from, until int64) {
	if len(b.Source.Evidence) > 0 {
		ev := &b.Source.Evidence[0]
		from = ev.Start + ev.Offset
	}
	return from, from + max(b.Source.Window, 1)
}

// application names the service as Pyroscope does, with its labels.
func (p *pushing) application(b *breakdown.Breakdown) string {
	labels := map[string]string{"timesink_target": b.Source.Target}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		if p.redactor != nil {
			value = p.redactor.Text(value)
		}
		if value = plainLabel(value); value != "" {
			list = append(list, plainName(name)+"="+value)
		}
	}
	return plainLabel(rows.ServiceName(rows.About{}, executableOf(p.c))) + "{" + strings.Join(list, ",") + "}"
}

// plainLabel leaves out of a text what ends a label in Pyroscope's notation.
func plainLabel(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune(`{}=,"`, r) {
			return '_'
		}
		return r
	}, text)
}

// plainName returns a text as the name of a label.
func plainName(text string) string {
	return cmp.Or(strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, text), "_")
}

// file returns the capture itself, or a redacted copy.
func (p *pushing) file(ctx context.Context, to send.Destination, temp string) ([]send.Item, error) {
	from, name := p.c.Path(), p.caseID+".zip"
	if p.redactor != nil {
		if p.copied == "" {
			at := filepath.Join(temp, p.caseID+".zip")
			if err := copyWithoutPrivate(ctx, p.c, at); err != nil {
				return nil, err
			}
			p.copied = at
		}
		from, name = p.copied, p.caseID+"-redacted.zip"
	} else if info, err := os.Stat(from); err != nil || !info.Mode().IsRegular() {
		return nil, &capture.Error{Op: "push " + from, Err: errors.New("it is not a file"), Hint: "timesink redact writes one that can be pushed"}
	} else if p.c.Manifest() == nil {
		name = p.caseID + ".trace"
	}
	return []send.Item{send.NewItem(to, p.caseID, name, func() (io.ReadCloser, error) { return os.Open(from) })}, nil
}

// copyWithoutPrivate writes a redacted copy of a capture.
func copyWithoutPrivate(ctx context.Context, c *capture.Capture, at string) error {
	if _, err := os.Stat(at); err == nil {
		return nil
	}
	w, err := capture.Create(at)
	if err != nil {
		return err
	}
	if _, err = redact.Capture(ctx, c, w); err == nil {
		err = w.Finish()
	}
	if err != nil {
		return errors.Join(unfinished(at, err), w.Discard())
	}
	return nil
}

func inMemory(content []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
	"timesink/report"
)

// whatifFlags holds the flags of whatif.
type whatifFlags struct {
	answerFlags
	free, scale, concurrent, once []string
	pool, workers, noLock         []string
	reuse                         bool
	procs                         int
	rate, load                    string
	schema, forget                bool
}

func (f *whatifFlags) register(cmd *cobra.Command) {
	f.formats = formatsThat((*format).predicts)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.free, "free", nil, "let a `BUCKET` or SITE take no time, such as db (repeatable)")
	flags.StringArrayVar(&f.scale, "scale", nil, "multiply a time: `BUCKET|SITE=FACTOR`, such as upstream=0.5 (repeatable)")
	flags.StringArrayVar(&f.concurrent, "concurrent", nil, "let a request make its calls at `SITE` at once (repeatable)")
	flags.StringArrayVar(&f.once, "once", nil, "let a request make only one call at `SITE` (repeatable)")
	flags.BoolVar(&f.reuse, "reuse-connections", false, "let no call make a connection")
	flags.StringArrayVar(&f.pool, "pool", nil, "change the size of a pool of connections: `BUCKET|SITE=N`, such as db=16 (repeatable)")
	flags.StringArrayVar(&f.workers, "workers", nil, "change the number of workers: `SITE=N`, such as main.work=4 (repeatable)")
	flags.StringArrayVar(&f.noLock, "no-lock", nil, "let nobody wait for the lock at `SITE` (repeatable)")
	flags.IntVar(&f.procs, "procs", 0, "set GOMAXPROCS to `N`")
	flags.StringVar(&f.rate, "rate", "", "let requests arrive `N` times as often, such as 2x")
	flags.StringVar(&f.load, "load", "", "replay an `open` or closed load (default what the capture looks like)")
	f.answerFlags.register(cmd)
	flags.BoolVar(&f.forget, "forget", false, "do not keep the prediction beside the capture, where timesink compare finds it")
	flags.BoolVar(&f.schema, "schema", false, "print the schema of the JSON, and predict nothing")
	completeFlag(cmd, "load", cobra.FixedCompletions([]string{"open", "closed"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *whatifFlags) check() error {
	if f.procs < 0 {
		return usagef("give a number of processors, such as 4", "--procs cannot be %d", f.procs)
	}
	if f.load != "" && f.load != replay.Open.String() && f.load != replay.Closed.String() {
		return usagef("give open or closed", "there is no load %q", f.load)
	}
	for _, text := range f.scale {
		if _, _, err := scaled(text); err != nil {
			return err
		}
	}
	for flag, list := range map[string][]string{"--pool": f.pool, "--workers": f.workers} {
		for _, text := range list {
			if _, _, err := sized(flag, text); err != nil {
				return err
			}
		}
	}
	if f.rate != "" {
		if _, err := factor("--rate", strings.TrimSuffix(f.rate, "x")); err != nil {
			return err
		}
	}
	return f.answerFlags.check()
}

// scaled splits a value of --scale.
func scaled(text string) (what string, by float64, err error) {
	i := strings.LastIndexByte(text, '=')
	if i <= 0 {
		return "", 0, usagef("write it as BUCKET=FACTOR or SITE=FACTOR, such as upstream=0.5", "--scale %q has no factor", text)
	}
	by, err = factor("--scale", text[i+1:])
	return text[:i], by, err
}

// sized splits a value of --pool or --workers.
func sized(flag, text string) (what string, n int, err error) {
	what, number, ok := strings.Cut(text, "=")
	if n, err = strconv.Atoi(number); !ok || what == "" || err != nil || n < 1 {
		return "", 0, usagef("write it as SITE=N, such as main.(*Store).Get=16", "%s %q has no number", flag, text)
	}
	return what, n, nil
}

func factor(flag, text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || v > 1e6 || v == 0 && flag == "--rate" {
		return 0, usagef("give a number such as 0.5 or 2", "%s: %q is not a factor", flag, text)
	}
	return v, nil
}

// replays returns the changes that the flags describe, with the places that they name.
func (f *whatifFlags) replays(r *analyze.Replay) (replay.Options, error) {
	var o replay.Options
	add := func(kind replay.Kind, flag, text string, by float64) error {
		target, err := r.Resolve(text)
		if err != nil {
			return unresolved(flag, err)
		}
		o.Changes = append(o.Changes, replay.Change{Kind: kind, Target: target, Factor: by})
		return nil
	}
	for _, text := range f.free {
		if err := add(replay.Scale, "--free", text, 0); err != nil {
			return o, err
		}
	}
	for _, text := range f.scale {
		what, by, err := scaled(text)
		if err == nil {
			err = add(replay.Scale, "--scale", what, by)
		}
		if err != nil {
			return o, err
		}
	}
	for _, text := range f.concurrent {
		if err := add(replay.Concurrent, "--concurrent", text, 0); err != nil {
			return o, err
		}
	}
	for _, text := range f.once {
		if err := add(replay.Once, "--once", text, 0); err != nil {
			return o, err
		}
	}
	for _, x := range []struct {
		kind replay.Kind
		flag string
		list []string
	}{{replay.Pool, "--pool", f.pool}, {replay.Workers, "--workers", f.workers}} {
		for _, text := range x.list {
			what, n, err := sized(x.flag, text)
			if err == nil {
				err = add(x.kind, x.flag, what, 0)
			}
			if err != nil {
				return o, err
			}
			o.Changes[len(o.Changes)-1].Number = n
		}
	}
	for _, text := range f.noLock {
		if err := add(replay.NoLock, "--no-lock", text, 0); err != nil {
			return o, err
		}
	}
	if f.reuse {
		o.Changes = append(o.Changes, replay.Change{Kind: replay.Reuse})
	}
	if f.procs > 0 {
		o.Changes = append(o.Changes, replay.Change{Kind: replay.Procs, Number: f.procs})
	}
	if f.rate != "" {
		by, err := factor("--rate", strings.TrimSuffix(f.rate, "x"))
		if err != nil {
			return o, err
		}
		o.Changes = append(o.Changes, replay.Change{Kind: replay.Rate, Factor: by})
	}
	switch f.load {
	case replay.Open.String():
		o.Load = replay.Open
	case replay.Closed.String():
		o.Load = replay.Closed
	}
	return o, nil
}

// unresolved returns the usage error for a place that the capture does not have, or that
// may be several.
func unresolved(flag string, err error) error {
	var a *replay.AmbiguousError
	if !errors.As(err, &a) {
		return err
	}
	hint := "choose one of: "
	if a.None {
		hint = "give a bucket, a function or file:line; most time is spent at: "
	}
	return usagef(hint+strings.Join(a.Matches, ", "), "%s: %v", flag, err)
}

// predict replays a capture with the changes that the flags describe.
func (t *tool) predict(ctx context.Context, file string, flags *whatifFlags) (*breakdown.Prediction, error) {
	c, err := t.open(file)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	opts := flags.options()
	opts.Forecasts = false
	boundHeap(opts.Memory)
	r, _, err := analyze.NewReplay(ctx, c, opts)
	if err != nil {
		return nil, err
	}
	o, err := flags.replays(r)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	p, err := r.Predict(o)
	t.log().Info("replayed", "took", time.Since(begin))
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", file, err)
	}
	if !flags.forget && len(p.Changes) > 0 {
		t.keep(c, p.Forecasts())
	}
	return p, nil
}

func writeWhatIfSchema(w io.Writer) error {
	text, err := report.Schema(breakdown.WhatIfSchema)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func (t *tool) whatifCommand() *cobra.Command {
	var flags whatifFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "whatif FILE",
		Short: "Predict what requests would take if something were different",
		Long: `Whatif replays the requests of a capture with a change, and prints what they would
take: with queues for processors, and with what a request waits for when a part of it
becomes shorter. It says what the prediction assumes and what it cannot know. Without
a change, it prints how well the replay gives back what was recorded.

A SITE is a function, with all that it calls, or file:line, as the answer prints it;
it may begin at any part of the name. A BUCKET is db, upstream and so on; of calls to
other systems, the time that the service itself spends, as in its pool, is not part
of it.

The prediction is kept in a file beside the capture, which itself is not changed.
timesink compare finds it there, and prints it beside what was measured.`,
		Example: `  timesink whatif case.zip --free db
  timesink whatif case.zip --concurrent api.go:88
  timesink whatif case.zip --scale 'main.(*Store).Vehicle=0.1' --rate 2x`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case flags.schema && len(args) == 0:
				return nil
			case len(args) == 0:
				return errNoFile
			case len(args) > 1:
				return usagef(helpHint(cmd), "whatif takes one file, not %d", len(args))
			}
			return flags.check()
		},
		ValidArgsFunction: completeCaptures(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.schema {
				return output.to(t.stdout, writeWhatIfSchema)
			}
			if formatNamed(flags.format).binary && (output.output == "" || output.output == "-") && isTerminal(t.stdout) {
				return usagef("give a file, such as -o whatif"+formatNamed(flags.format).ending(), "will not write a page in %s to a terminal", flags.format)
			}
			if output.output != "" && sameFile(args[0], output.output) {
				return usagef("give --output another name", "--output %s would overwrite the input", output.output)
			}
			p, err := t.predict(cmd.Context(), args[0], &flags)
			if err != nil {
				return err
			}
			return output.to(t.stdout, func(w io.Writer) error {
				return formatNamed(flags.format).predict(w, &ticket{prediction: p, top: flags.top, verbose: t.verbose})
			})
		},
	}
	flags.register(cmd)
	output.register(cmd)
	return cmd
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report"
)

// listFlags holds the flags of list.
type listFlags struct {
	answerFlags
	outputFlag
	schema bool
}

func (t *tool) listCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list [FOLDER]",
		Short: "List the captures of a folder with what each says",
		Long: `List prints, for each capture and trace in a folder, when it was taken, of which
target, and the conclusion that analyze ends with. It analyzes them one after
another. Captures that are damaged, unfinished or of a newer timesink are listed as
such, with the reason. FOLDER is the current folder unless given.

timesink report FOLDER writes the list as a page that links to a report of each.`,
		Example: `  timesink list
  timesink list incidents/
  timesink list -f json incidents/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef(helpHint(cmd), "list takes one folder, not %d", len(args))
			}
			return flags.check()
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.schema {
				return flags.to(t.stdout, func(w io.Writer) error { return writeSchema(w, breakdown.ListSchema) })
			}
			l, err := t.list(cmd.Context(), append(args, ".")[0], &flags.answerFlags, nil)
			if err != nil {
				return err
			}
			return flags.to(t.stdout, func(w io.Writer) error {
				if flags.format == "json" {
					return report.ListJSON(w, l)
				}
				return report.ListText(w, l, (&ticket{verbose: t.verbose}).text(w))
			})
		},
	}
	flags.formats = []string{"text", "json"}
	flags.answerFlags.register(cmd)
	flags.outputFlag.register(cmd)
	cmd.Flags().BoolVar(&flags.schema, "schema", false, "print the JSON Schema of the json format, and list nothing")
	return cmd
}

// list analyzes the captures of a folder one by one. It calls each, unless that is nil,
// with every capture that could be opened, and the entry to complete; otherwise it
// completes it itself.
func (t *tool) list(ctx context.Context, folder string, answer *answerFlags, each func(*capture.Capture, *breakdown.Case) error) (*breakdown.List, error) {
	if info, err := os.Stat(folder); err == nil && (!info.IsDir() || isCapture(folder)) {
		return nil, usagef("timesink analyze "+folder+" prints what it says", "%s is no folder of captures", folder)
	}
	files, err := capturesIn(folder)
	if err != nil {
		return nil, err
	}
	if each == nil {
		each = func(c *capture.Capture, entry *breakdown.Case) error {
			b, err := t.analyzeAll(ctx, []*capture.Capture{c}, answer.options())
			if err == nil {
				report.Summarize(entry, b)
			}
			return err
		}
	}
	l := &breakdown.List{Schema: breakdown.ListSchema, Folder: folder}
	progress := t.progress()
	defer progress.done()
	for i, file := range files {
		progress.say(fmt.Sprintf("reading %d of %d: %s", i+1, len(files), oneLine(filepath.Base(file))))
		entry, err := t.listed(file, each)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if entry != nil {
			l.Cases = append(l.Cases, *entry)
		}
	}
	slices.SortStableFunc(l.Cases, func(x, y breakdown.Case) int {
		if x.CapturedAt == nil || y.CapturedAt == nil {
			return cmp.Compare(known(y.CapturedAt), known(x.CapturedAt))
		}
		return x.CapturedAt.Compare(*y.CapturedAt)
	})
	return l, nil
}

func known(at *time.Time) int {
	if at == nil {
		return 0
	}
	return 1
}

// A pageError is an error of writing a page, and not of the capture that it is about.
type pageError struct{ error }

func (e pageError) Unwrap() error { return e.error }

// listed returns a capture's entry, nil if the file is none. The error is a pageError's.
func (t *tool) listed(file string, each func(*capture.Capture, *breakdown.Case) error) (*breakdown.Case, error) {
	entry := &breakdown.Case{File: filepath.Base(file), Size: sizeOf(file), State: breakdown.CaseWhole, Warnings: []string{}}
	c, err := t.open(file)
	switch {
	case errors.Is(err, capture.ErrNotCapture), errors.Is(err, capture.ErrNotTrace):
		return nil, nil
	case errors.Is(err, capture.ErrNewerSchema), errors.Is(err, fs.ErrPermission):
		entry.State, entry.Error = breakdown.CaseUnreadable, reason(err)
		return entry, nil
	case err != nil:
		entry.State, entry.Error = breakdown.CaseDamaged, reason(err)
		return entry, nil
	}
	defer c.Close()
	if c.Live() {
		entry.State = breakdown.CaseUnfinished
	}
	if m := c.Manifest(); m != nil {
		entry.Target, entry.GoVersion = m.Target, m.Service.GoVersion
		if !m.CapturedAt.IsZero() {
			at := m.CapturedAt.UTC()
			entry.CapturedAt = &at
		}
	}
	var page pageError
	if err := each(c, entry); errors.As(err, &page) {
		return nil, page.error
	} else if err != nil {
		entry.Error = reason(err)
		if !errors.Is(err, capture.ErrNoTrace) {
			entry.State = breakdown.CaseDamaged
		}
		return entry, nil
	}
	if entry.Case == "" {
		if entry.Case, err = c.Case(); err != nil {
			entry.Case = ""
		}
	}
	var damage []string
	for _, part := range append([]string{capture.TracePart}, c.Parts()...) {
		if text := c.Damage(part); text != "" && !slices.Contains(damage, text) {
			damage = append(damage, text)
		}
	}
	if len(damage) > 0 {
		entry.State, entry.Error = breakdown.CaseDamaged, strings.Join(damage, "; ")
	}
	return entry, nil
}

// reason returns an error's text without the operation and the file, which the list
// names.
func reason(err error) string {
	var e *capture.Error
	if errors.As(err, &e) && e.Err != nil {
		return oneLine(e.Err.Error())
	}
	return oneLine(err.Error())
}

// sizeOf returns the size of a file, or of the files of a folder, in bytes.
func sizeOf(path string) (sum int64) {
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // it counts as empty
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

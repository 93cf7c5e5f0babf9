package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/report"
)

// indexName is the name of a folder's index page.
const indexName = "index.html"

// folderOf returns the folder of captures that a report is about, "" if it is about the
// captures themselves.
func folderOf(args []string) string {
	if len(args) != 1 {
		return ""
	}
	if info, err := os.Stat(args[0]); err != nil || !info.IsDir() || isCapture(args[0]) {
		return ""
	}
	return args[0]
}

// checkFolder returns a usage error for flags that are not about a folder.
func (f *reportFlags) checkFolder() error {
	switch {
	case f.chosen.name != "html":
		return usagef("timesink list -f json lists it for programs; leave out --format for a page", "a folder's report is a page, not %s", f.format)
	case f.output == "-":
		return usagef("give -o a file, beside which the pages of the captures are written", "a folder's report is several files")
	case f.before != "" || f.endpoint != "" || f.request != "":
		return usage("a folder's report shows each capture as a whole", "leave out --before, --endpoint and --request")
	}
	return nil
}

// reportFolder writes a page for each capture of a folder, and an index page that links
// to them. It prints the path of the index.
func (t *tool) reportFolder(ctx context.Context, folder string, flags *reportFlags) error {
	index := cmp.Or(flags.output, filepath.Join(folder, indexName))
	if info, err := os.Stat(index); err == nil && info.IsDir() {
		index = filepath.Join(index, indexName)
	}
	if err := replaceable(index); err != nil {
		return err
	}
	var manifests []*capture.Manifest
	l, err := t.list(ctx, folder, &flags.answerFlags, func(c *capture.Capture, entry *breakdown.Case) error {
		manifests = append(manifests, c.Manifest())
		return t.pageOf(ctx, c, entry, index, flags)
	})
	if err != nil {
		return err
	}
	if !flags.noRedact {
		l = report.RedactedList(l, redact.New(manifests...).Text)
	}
	if err := writeFile(index, func(w io.Writer) error { return report.ListHTML(w, l, !flags.noRedact) }); err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.stdout, index)
	return err
}

// pageOf writes the page of one capture beside the index, and completes its entry.
func (t *tool) pageOf(ctx context.Context, c *capture.Capture, entry *breakdown.Case, index string, flags *reportFlags) error {
	k := &ticket{captures: []*capture.Capture{c}, top: flags.top, verbose: t.verbose, memory: int64(flags.memory)}
	opts := flags.options()
	opts.Detail = true
	var err error
	if k.b, err = t.analyzeAll(ctx, k.captures, opts); err != nil {
		return err
	}
	if err := k.narrow(ctx, flags, opts); err != nil {
		return err
	}
	if !flags.noRedact {
		k.redact(k.captures)
	}
	report.Summarize(entry, k.b)
	entry.Case = k.b.Source.Case
	entry.Page = strings.TrimSuffix(strings.TrimSuffix(entry.File, capture.PartialSuffix), ".zip") + ".html"
	path := filepath.Join(filepath.Dir(index), entry.Page)
	if sameFile(path, index) || filepath.Clean(path) == filepath.Clean(index) {
		entry.Page = "capture-" + entry.Page
		path = filepath.Join(filepath.Dir(index), entry.Page)
	}
	if err := replaceable(path); err != nil {
		return pageError{err}
	}
	if err := writeFile(path, func(w io.Writer) error { return flags.chosen.write(w, k) }); err != nil {
		return pageError{err}
	}
	return nil
}

// replaceable returns an error if there is a file at path that is no page of timesink's.
func replaceable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unwritten(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return unwritten(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	head := make([]byte, 1<<20)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unwritten(path, err)
	}
	if head = head[:n]; bytes.HasPrefix(head, []byte("<!doctype html>")) && bytes.Contains(head, []byte("<title>timesink: ")) {
		return nil
	}
	return &capture.Error{Op: "write " + path, Err: capture.ErrExists, Hint: "it is no page of timesink's: write the index to another folder with -o"}
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// Completions come from what is at hand: the captures in a folder, their targets, their
// endpoints and requests. A shell waits for them, so they take no longer than this, and
// what fails gives none.
const completionTime = 4 * time.Second

// mostCompleted is how many files of a folder are looked at.
const mostCompleted = 200

// completeCaptures completes a file argument with the captures and traces of its folder,
// and with folders. most is the number of arguments, 0 if there is no limit.
func completeCaptures(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return capturesFor(toComplete, args)
	}
}

// completeSide completes the name of one side of a comparison: captures joined with
// commas.
func completeSide(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	i := strings.LastIndexByte(toComplete, ',') + 1
	list, directive := capturesFor(toComplete[i:], append(slices.Clone(args), strings.Split(toComplete[:i], ",")...))
	for k := range list {
		list[k] = toComplete[:i] + list[k]
	}
	return list, directive
}

// capturesFor returns the captures and folders whose names begin with toComplete, except
// those given already.
func capturesFor(toComplete string, given []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	folder, prefix := filepath.Split(toComplete)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	files, looked := 0, 0
	for _, e := range entries {
		name := folder + e.Name()
		if !strings.HasPrefix(e.Name(), prefix) || strings.HasPrefix(e.Name(), ".") && prefix == "" || slices.Contains(given, name) || looked == mostCompleted {
			continue
		}
		looked++
		if about := aboutCapture(name, e); about != "" {
			list = append(list, cobra.CompletionWithDesc(name, about))
			files++
		} else if e.IsDir() {
			list = append(list, name+string(filepath.Separator))
		}
	}
	if files == 0 {
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// aboutCapture describes a capture or a trace in a few words. It returns "" for anything
// else.
func aboutCapture(name string, e os.DirEntry) string {
	if e.IsDir() && !isCapture(name) || !e.IsDir() && !e.Type().IsRegular() {
		return ""
	}
	c, err := capture.Open(name)
	if err != nil {
		return ""
	}
	defer c.Close()
	m := c.Manifest()
	if m == nil {
		return "trace"
	}
	return oneLine(fmt.Sprintf("%s, %s", m.Target, m.CapturedAt.UTC().Format(time.DateTime)))
}

// completeTargets completes a target with those of the captures in the current folder.
// most is the number of arguments, 0 if there is no limit.
func completeTargets(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return targetsFor(args), cobra.ShellCompDirectiveNoFileComp
	}
}

// targetsFor returns the targets of the captures in the current folder, except those given
// already.
func targetsFor(given []string) (list []cobra.Completion) {
	entries, _ := os.ReadDir(".")
	for i, e := range entries {
		if i == mostCompleted || e.IsDir() || filepath.Ext(e.Name()) != ".zip" {
			continue
		}
		if c, err := capture.Open(e.Name()); err == nil {
			if m := c.Manifest(); m != nil && m.Target != "" && !strings.Contains(m.Target, "[secret]") && oneLine(m.Target) == m.Target && !slices.Contains(list, m.Target) && !slices.Contains(given, m.Target) {
				list = append(list, m.Target)
			}
			c.Close()
		}
	}
	return list
}

// completeEndpoints completes an endpoint with those of the files given.
func completeEndpoints(cmd *cobra.Command, args []string, _ string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, e := range endpointsOf(cmd.Context(), args, analyze.Options{Memory: analyze.DefaultMemory}) {
		about := fmt.Sprintf("%d requests", e.Requests)
		if e.Route != "" {
			about = e.Name + ", " + about
		}
		list = append(list, cobra.CompletionWithDesc(oneLine(cmp.Or(e.Route, e.Name)), oneLine(about)))
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeRequests completes a request with the names of the usual ones, and with the IDs
// of those of the files given.
func completeRequests(cmd *cobra.Command, args []string, _ string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, which := range breakdown.Whiches() {
		list = append(list, cobra.CompletionWithDesc(which, "of the endpoint with the most request time"))
	}
	for _, e := range endpointsOf(cmd.Context(), args, analyze.Options{Memory: analyze.DefaultMemory, Detail: true}) {
		for _, x := range e.Examples() {
			list = append(list, cobra.CompletionWithDesc(x.ID.String(), oneLine(x.Which+" of "+cmp.Or(e.Route, e.Name))))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// endpointsOf returns the endpoints of files, none if they cannot be analyzed in time.
func endpointsOf(ctx context.Context, files []string, opts analyze.Options) []breakdown.Endpoint {
	if len(files) == 0 || slices.Contains(files, "-") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	b, err := (&tool{}).analyzeFiles(ctx, files, opts)
	if err != nil {
		return nil
	}
	return b.Endpoints
}

// completeFlag registers the completion of a flag, which must exist.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err)
	}
}

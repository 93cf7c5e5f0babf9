package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// isFolder reports whether an argument of ab is a folder of captures.
func isFolder(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.IsDir() && !isCapture(arg)
}

// recordedAB says what pairs of earlier captures say: those of two folders, in the order of
// time, until that is clear or there are no more.
func (t *tool) recordedAB(ctx context.Context, f *abFlags, args []string) (*breakdown.AB, error) {
	if !isFolder(args[0]) || !isFolder(args[1]) {
		return nil, usagef("give two folders or two targets; to hold new captures against a folder of earlier ones, timesink compare FOLDER NEW --noise FOLDER", "one side is a folder of earlier captures and the other is not, so they are not taken in turn")
	}
	ab := analyze.NewAB(analyze.ABOptions{Alpha: f.alpha, Margin: f.within, Quantities: f.quantities, Endpoint: f.endpoint, Recorded: true})
	var sides [2]side
	for i, arg := range args {
		s, err := t.sideOf(arg, &f.baselineFlags)
		if err != nil {
			return nil, err
		}
		if s, err = inOrder(s); err != nil {
			return nil, err
		}
		sides[i] = s
	}
	n := min(len(sides[0].files), len(sides[1].files))
	result, used := ab.Result(), 0
	for ; used < n && result.Verdict == breakdown.Undecided && ctx.Err() == nil; used++ {
		var taken [2]*breakdown.Breakdown
		for i := range sides {
			var err error
			if taken[i], err = t.analyzeFiles(ctx, []string{sides[i].files[used]}, analyze.Options{Series: true}); err != nil {
				return nil, err
			}
		}
		if ab.Add(taken[0], taken[1]) {
			result = ab.Result()
			fmt.Fprintln(t.stderr, pairText(result))
		}
	}
	result.Before.Files, result.After.Files = sides[0].chosen[:used], sides[1].chosen[:used]
	switch {
	case result.Verdict != breakdown.Undecided:
		result.Stopped = "decided"
	case ctx.Err() != nil:
		result.Stopped = "interrupted"
	default:
		result.Stopped = "all-read"
	}
	return result, nil
}

// inOrder returns a side's captures in the order of time. Captures whose time is unknown
// come last, in the order of their names.
func inOrder(s side) (side, error) {
	times := map[string]time.Time{}
	for _, file := range s.files {
		c, err := capture.Open(file)
		if err != nil {
			return s, err
		}
		if m := c.Manifest(); m != nil {
			times[file] = m.CapturedAt
		}
		c.Close()
	}
	order := make([]int, len(s.files))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int {
		a, b := times[s.files[i]], times[s.files[k]]
		if a.IsZero() != b.IsZero() {
			return cmp.Compare(btoi(a.IsZero()), btoi(b.IsZero()))
		}
		return a.Compare(b)
	})
	var out side
	for _, i := range order {
		out.files, out.chosen = append(out.files, s.files[i]), append(out.chosen, s.chosen[i])
	}
	return out, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

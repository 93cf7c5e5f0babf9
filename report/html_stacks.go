package report

import (
	"strings"

	"timesink/analyze/breakdown"
)

// A stackRow is a stack of the flame graph as a row of a table.
type stackRow struct{ Slot, Label, Phase, Mean, Share, Site, Calls string }

// maxStacks is how many stacks the table lists.
const maxStacks = 20

// stackRows returns the stacks with the most time.
func stackRows(b *block) (rows []stackRow, left string) {
	stacks := b.e.Detail.Stacks
	for i := range stacks[:min(maxStacks, len(stacks))] {
		s := &stacks[i]
		row := stackRow{Slot: slot{s.Bucket, s.Phase}.name(), Label: s.Bucket.Info().Label, Phase: s.Phase.String(),
			Mean: b.scale.atLeastVisible(s.Time / max(b.e.Requests, 1)), Share: percent(ratio(s.Time, b.e.Wall.Total))}
		if s.Cause != nil {
			row.Site, row.Calls = stackText(s.Cause)
		}
		rows = append(rows, row)
	}
	if rest := len(stacks) - len(rows); rest > 0 {
		left = counted(int64(rest), "more stack", "more stacks") + " with less time"
	}
	return rows, left
}

// stackText returns a stack's call site and the functions that it called, down to the
// leaf.
func stackText(c *breakdown.Cause) (site, called string) {
	frames := fromSite(c)
	if len(frames) == 0 {
		return "", ""
	}
	var names []string
	for _, f := range frames[1:] {
		names = append(names, function(f.Function))
	}
	return place(frames[0]), strings.Join(names, " › ")
}

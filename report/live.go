package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// liveBuckets is how many buckets a growing answer shows.
const liveBuckets = 4

// Live lays out the answer for a window that is still open, as at most six lines of at
// most o.Width columns, however small. It returns nil until the first request has
// completed. It uses only o.Width and o.Color.
func Live(s *breakdown.Snapshot, o TextOptions) []string {
	if s.Top.Requests == 0 {
		return nil
	}
	p := page{width: o.Width, color: o.Color}
	scale := scaleOf(s.Top.Wall.Mean)
	figures := fmt.Sprintf("   %s   p50 %s", counted(s.Top.Requests, "request", "requests"), scale.short(s.Top.Wall.P50))
	name := shorten(title(&s.Top), max(o.Width-width(figures), 12))
	lines := []string{p.styled(bold, name) + figures}
	const before = 2 + nameColumns + gutter + shareColumns + gutter
	for i, t := range ranked(s.Top.Buckets, total) {
		if i == liveBuckets || i > 0 && t.Share < 0.005 {
			break
		}
		lines = append(lines, fmt.Sprintf("  %s  %*s  %s", pad(shorten(label(t), nameColumns), nameColumns),
			shareColumns, percent(t.Share), p.parted(t, s.Top.Wall.Total, min(max(o.Width-before, 0), 50), total, totalIn)))
	}
	if s.Endpoints > 1 {
		rest := fmt.Sprintf("%s: %s, %s of the time", counted(int64(s.Endpoints-1), "more endpoint", "more endpoints"),
			counted(s.Requests-s.Top.Requests, "request", "requests"), percent(1-s.TopShare))
		lines = append(lines, "  "+p.styled(dim, shorten(rest, max(o.Width-2, 1))))
	}
	for i, l := range lines {
		if !o.Color {
			lines[i] = l[:prefix(l, o.Width)]
		}
	}
	return lines
}

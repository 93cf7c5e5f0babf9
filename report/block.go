package report

import (
	"cmp"
	"fmt"
	"slices"

	"timesink/analyze/breakdown"
)

// A block is one endpoint's part of the page. If no request completed, it shows the cut
// ones.
type block struct {
	*text
	e     *breakdown.Endpoint
	scale scale
	of    func(*breakdown.BucketTime) int64 // a bucket's time: its mean, or its sum over cut requests
	in    func(*breakdown.PhaseTime) int64  // the same for a phase
	whole int64                             // the sum of the times shown
	notes int                               // width of the note, in columns
}

const (
	nameColumns  = 15 // "upstream HTTP", "  response_wait"
	shareColumns = 6

	ownLine  = 0.01 // the share from which a bucket gets its own line
	detailed = 0.05 // the share from which it shows its phases and call sites
)

// block returns the block for e. Nothing is laid out yet.
func (t *text) block(e *breakdown.Endpoint) *block {
	b := &block{text: t, e: e, whole: e.Wall.Mean, of: func(t *breakdown.BucketTime) int64 { return t.Mean }, in: func(p *breakdown.PhaseTime) int64 { return p.Mean }}
	if e.Requests == 0 {
		b.whole, b.of, b.in = e.IncompleteTime, incomplete, incompleteIn
	}
	b.scale = scaleOf(b.whole)
	return b
}

func (t *text) endpoint(e *breakdown.Endpoint) error {
	b := t.block(e)
	b.notes = t.width - 2 - nameColumns - shareColumns - 3*gutter - b.timeColumns()
	b.head()
	if err := t.table(2, b.rows()); err != nil {
		return err
	}
	if zero := b.zero(); len(zero) > 0 {
		const head = "no time in: "
		for i, l := range wrapList("", zero, t.width-2-len(head)) {
			t.line(dim, spaces(2)+pad(head[:len(head)*max(1-i, 0)], len(head))+l)
		}
	}
	t.line(plain, "")
	return nil
}

func (b *block) timeColumns() int { return max(width(b.scale.column(b.whole)), 8) }

func (b *block) head() {
	e := b.e
	name := []string{shorten(title(e), b.width)}
	if e.Route != "" && e.Name != "" {
		name = append(name, shorten(function(e.Name), b.width))
	}
	if e.Kind == "http/2" {
		name = append(name, "HTTP/2")
	}
	if e.Lasts() {
		name = append(name, lastingKind(e))
	}
	if several(b.b) {
		name = append(name, percent(ratio(requestTime(e), b.requestTime()))+" of the request time")
	}
	b.fields(bold, 0, name...)
	if e.Requests > 0 {
		b.fields(plain, 0, counted(e.Requests, "request", "requests"), "mean "+b.scale.short(e.Wall.Mean),
			"p50 "+b.scale.short(e.Wall.P50), "p95 "+b.scale.short(e.Wall.P95), "p99 "+b.scale.short(e.Wall.P99))
	}
	if text := b.inferred(); text != "" {
		b.text.text(plain, 0, "", text)
	}
	if e.Incomplete > 0 {
		b.text.text(plain, 0, "", b.incomplete())
	}
	if e.Client != nil && e.Client.Probes > 0 {
		b.text.text(plain, 0, "", b.client(e.Client))
	}
	b.line(plain, "")
}

// incomplete says how much time the cut requests spent, and on what: a request slower
// than the window shows only here.
func (b *block) incomplete() string {
	e := b.e
	if e.Requests == 0 {
		return fmt.Sprintf("no request completed; %s cut by the window's edges, after %s together",
			counted(e.Incomplete, "was", "were"), duration(e.IncompleteTime))
	}
	text := fmt.Sprintf("%s cut by the window's edges: %s, %s of the request time",
		counted(e.Incomplete, "more was", "more were"), duration(e.IncompleteTime), percent(ratio(e.IncompleteTime, requestTime(e))))
	if in := largest(e.Buckets, e.IncompleteTime, incomplete); in != "" {
		text += " (" + in + ")"
	}
	return text
}

// client compares what the probes measured with what the server did.
func (b *block) client(c *breakdown.Client) string {
	text := "from outside: " + counted(int64(c.Probes), "probe", "probes")
	if c.Matched == 0 {
		return text + ", none of them found among the requests"
	}
	found := "all"
	if c.Matched < c.Probes {
		found = count(int64(c.Matched))
	}
	text += fmt.Sprintf(", %s found among the requests, mean %s", found, b.scale.short(c.Mean))
	if rest := c.Mean - c.Server; rest >= 0 && c.Server > 0 {
		text += fmt.Sprintf(": %s in the server, %s on the way", b.scale.short(c.Server), b.scale.short(rest))
	}
	if b.verbose {
		for _, p := range c.Phases {
			if p.Mean == 0 {
				continue
			}
			text += fmt.Sprintf(", %s %s", clean(p.Phase), b.scale.short(p.Mean))
		}
	}
	if c.Fresh.Queues() || b.verbose && c.Fresh != nil {
		text += "; " + fresh(c.Fresh)
	}
	return text
}

// fresh says what the probes on new connections measured.
func fresh(f *breakdown.Fresh) string {
	unit := scaleOf(f.Mean)
	rest := max(f.Mean-f.Server-f.Unread, 0)
	text := fmt.Sprintf("%s, mean %s: %s before the server read them, %s in the server, %s on the way",
		counted(int64(f.Probes), "more dialed a new connection", "more dialed a new connection each"), unit.short(f.Mean), unit.short(f.Unread), unit.short(f.Server), unit.short(rest))
	if f.Handshakes > 0 {
		text += fmt.Sprintf(" (%s)", counted(int64(f.Handshakes), "TLS handshake", "TLS handshakes"))
	}
	return text
}

// rows returns the table: each bucket that matters, the rest in one row, and unknown.
func (b *block) rows() []row {
	var rows []row
	var rest []*breakdown.BucketTime
	for i, t := range ranked(b.e.Buckets, b.of) {
		switch share := ratio(b.of(t), b.whole); {
		case t.Bucket == breakdown.Unknown && i > 0:
		case share < ownLine && t.Bucket != breakdown.DB:
			rest = append(rest, t)
		default:
			rows = append(rows, b.bucket(t, i == 0 || share >= detailed)...)
		}
	}
	rows = append(rows, b.rest(rest)...)
	if len(b.e.Buckets) == int(breakdown.NumBuckets) {
		if u := &b.e.Buckets[breakdown.Unknown]; len(rows) == 0 || ranked(b.e.Buckets, b.of)[0] != u {
			rows = append(rows, b.bucket(u, ratio(b.of(u), b.whole) >= detailed)...)
		}
	}
	return rows
}

// rest folds the buckets below ownLine into one row.
func (b *block) rest(rest []*breakdown.BucketTime) []row {
	if len(rest) < 2 {
		var rows []row
		for _, t := range rest {
			rows = append(rows, b.bucket(t, false)...)
		}
		return rows
	}
	sum := int64(0)
	var parts []string
	for _, t := range rest {
		sum += b.of(t)
		parts = append(parts, label(t)+" "+b.scale.atLeastVisible(b.of(t)))
	}
	return []row{b.row("the rest", sum, wrapList("", parts, b.notes)...)}
}

// zero names the buckets that hold no time.
func (b *block) zero() []string {
	var names []string
	for i := range b.e.Buckets {
		if t := &b.e.Buckets[i]; b.of(t) == 0 && t.Bucket != breakdown.Unknown {
			names = append(names, label(t))
		}
	}
	return names
}

func (b *block) row(name string, ns int64, note ...string) row {
	return row{
		cells: []string{
			pad(name, nameColumns),
			spaces(b.timeColumns()-width(b.scale.column(ns))) + b.scale.column(ns),
			fmt.Sprintf("%*s", shareColumns, percent(ratio(ns, b.whole))),
		},
		note: note,
	}
}

// noted returns a row that holds only notes.
func noted(note ...string) []row {
	if len(note) == 0 {
		return nil
	}
	return []row{{cells: []string{"", "", ""}, note: note}}
}

// bucket returns one bucket's rows: its time and, with detail, where in the code and in
// which phases it was spent.
func (b *block) bucket(t *breakdown.BucketTime, withDetail bool) []row {
	rows := []row{b.row(shorten(label(t), nameColumns), b.of(t), b.ceiling(t)...)}
	if b.of(t) == 0 || !withDetail && !b.verbose {
		return rows
	}
	if b.verbose && b.e.Requests > 0 {
		rows = append(rows, noted(b.percentiles(t))...)
	}
	sites, alone := b.sites(t)
	phases := b.phases(t)
	if len(phases) == 0 || !alone {
		rows = append(rows, noted(sites...)...)
		sites = nil
	}
	if t.Bucket == breakdown.CPU {
		rows = append(rows, noted(b.libraries()...)...)
		rows = append(rows, noted(b.functions()...)...)
	}
	if t.Bucket == breakdown.Sleep && len(t.Systems) > 0 {
		rows = append(rows, noted(wrap("timers of "+clean(list(t.Systems)), b.notes)...)...)
	}
	if t.Bucket == breakdown.Lock || t.Bucket == breakdown.Wait {
		rows = append(rows, noted(b.holders(t)...)...)
	}
	for _, p := range phases {
		note := slices.Concat(sites, b.phaseNote(t, p.Phase))
		rows = append(rows, b.row("  "+phaseName(p.Phase), b.in(&p), note...))
		sites = nil
	}
	return rows
}

func phaseName(p breakdown.Phase) string {
	if p == breakdown.NoPhase {
		return "(no phase)"
	}
	return p.String()
}

// phases returns the phases worth a row, the longest first.
func (b *block) phases(t *breakdown.BucketTime) []breakdown.PhaseTime {
	var list []breakdown.PhaseTime
	if t.Bucket == breakdown.CPU && deprived(t) == nil {
		return nil // all of it on a core, as far as anything shows
	}
	for _, p := range t.Phases {
		if b.in(&p) > 0 && (b.verbose || ratio(b.in(&p), b.of(t)) >= 0.01) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(x, y breakdown.PhaseTime) int { return cmp.Compare(b.in(&y), b.in(&x)) })
	return list
}

func (b *block) phaseNote(t *breakdown.BucketTime, p breakdown.Phase) []string {
	if p.Stage() == breakdown.Pooling {
		return b.holders(t)
	}
	text := b.remark(t, p)
	switch {
	case text == "":
		return nil
	case b.notes == 0:
		return []string{text}
	}
	return wrap(text, b.notes)
}

// remark says what a phase's name does not, "" if there is nothing to say.
func (b *block) remark(t *breakdown.BucketTime, p breakdown.Phase) string {
	if off := deprived(t); off != nil && p == breakdown.OffCPU {
		return b.estimate(off)
	}
	return b.dials(t, p)
}

// estimate says why running goroutines had no core, and how exact the figure is.
func (b *block) estimate(off *breakdown.PhaseTime) string {
	text := deprivedBy(off.Cause)
	if ci := off.MeanCI95; ci != nil && b.e.Requests > 0 {
		text += fmt.Sprintf("; estimated, %s to %s", b.scale.atLeastVisible(ci[0]), b.scale.atLeastVisible(ci[1]))
	}
	return text
}

// dials says how many of a bucket's calls dial. It returns "" for all phases but the
// one with most of the dialing.
func (b *block) dials(t *breakdown.BucketTime, p breakdown.Phase) string {
	i := slices.IndexFunc(b.phases(t), func(p breakdown.PhaseTime) bool { return p.Phase.Stage() == breakdown.Dialing })
	if i < 0 || b.phases(t)[i].Phase != p {
		return ""
	}
	switch dialed := t.DialPercent(); dialed {
	case 0:
		return ""
	case 100:
		return "every call dials a new connection"
	default:
		return fmt.Sprintf("%d%% of the calls dial a new connection", dialed)
	}
}

// ceiling draws a bucket's share, and adds the mean without the bucket and how far off
// that figure may be.
func (b *block) ceiling(t *breakdown.BucketTime) []string {
	const figure = 26 // "  if free: 12.34 → 12.34 s"
	share := ratio(b.of(t), b.whole)
	if share < 0.0005 {
		return nil // it prints as 0.0%
	}
	columns := min(b.notes-figure, 30)
	drawn := b.styled(cyan, bar(share, columns))
	if !b.claims(t) {
		return []string{drawn}
	}
	s := savingOf(b.e, t)
	note := []string{pad(drawn, columns) + "  if free: " + b.scale.change(b.e.Wall.Mean, s.left(b.e))}
	for _, reserve := range s.reserves(b.scale) {
		note = append(note, wrap(reserve, b.notes)...)
	}
	return note
}

// claims reports whether the page gives the mean wall time without the bucket.
func (b *block) claims(t *breakdown.BucketTime) bool {
	share := ratio(b.of(t), b.whole)
	return t.Bucket != breakdown.Unknown && b.e.Requests > 0 && (share >= ownLine || share >= 0.0005 && t.Bucket == breakdown.DB)
}

func (b *block) percentiles(t *breakdown.BucketTime) string {
	return fmt.Sprintf("p50 %s   p95 %s   p99 %s", b.scale.short(t.P50), b.scale.short(t.P95), b.scale.short(t.P99))
}

// maxSites is how many of a bucket's call sites a page shows unless it is verbose.
const maxSites = 3

// sites says where in the service's code a bucket's time was spent. It sets alone if
// that was a single place.
func (b *block) sites(t *breakdown.BucketTime) (lines []string, alone bool) {
	shown, rest := b.shownSites(t)
	alone = len(shown) == 1 && rest < t.Total/100
	for _, s := range shown {
		how := shorten(calls(s.CallsPerRequest, s.Concurrency), b.notes)
		if alone {
			lines = append(lines, flow(b.notes, how, placeIn(s.Frame, b.notes-2))...)
		} else {
			lines = append(lines, b.site(s.Frame, b.scale.atLeastVisible(s.Mean), how)...)
		}
		if b.verbose && s.Why != "" {
			lines = append(lines, indented(wrap("because: "+clean(s.Why), b.notes-2))...)
		}
	}
	if len(shown) > 0 && rest >= max(t.Total/100, 1) {
		lines = append(lines, "other call sites   "+b.scale.atLeastVisible(rest/max(b.e.Requests, 1)))
	}
	if len(t.Sites) == 0 && t.CallsPerRequest > 0 {
		return []string{calls(t.CallsPerRequest, 0)}, true
	}
	return lines, alone
}

// site lays out one of several call sites, on at most two lines.
func (b *block) site(f breakdown.Frame, mean, how string) []string {
	lines := flow(b.notes, placeIn(f, b.notes-2), mean, how)
	if len(lines) > 2 {
		lines = []string{placeIn(f, b.notes-width("   "+mean)) + "   " + mean, how}
	}
	return lines
}

// shownSites returns the call sites worth a line, and the total of the others.
func (b *block) shownSites(t *breakdown.BucketTime) (shown []breakdown.SiteTime, rest int64) {
	for i, s := range t.Sites {
		small := i >= maxSites || ratio(s.Total, t.Total) < detailed
		if s.Function == breakdown.Other || small && !b.verbose {
			rest += s.Total
		} else {
			shown = append(shown, s)
		}
	}
	return shown, rest
}

func indented(lines []string) []string {
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// placeIn returns a frame in at most limit columns. It shortens the function's name,
// never the line.
func placeIn(f breakdown.Frame, limit int) string {
	where := position(f)
	if where == "" || width(where) > limit/2 {
		return shorten(place(f), limit)
	}
	return shorten(function(f.Function), limit-2-width(where)) + "  " + where
}

// calls says how many calls a request made from one site, and whether it made them one
// after another.
func calls(perRequest, concurrency float64) string {
	if perRequest <= 0 {
		return ""
	}
	text := rate(perRequest, "call per request", "calls per request")
	if perRequest < 0.05 {
		text = "less than 0.1 calls per request"
	}
	switch {
	case perRequest < 1.05 || concurrency <= 0:
		return text
	case concurrency < 1.05:
		return text + ", one after another"
	}
	return text + fmt.Sprintf(", %.1f at a time", concurrency)
}

// maxHolders is how many holders a page shows unless it is verbose.
const maxHolders = 2

// holders names what kept requests waiting, and what it was doing meanwhile.
func (b *block) holders(t *breakdown.BucketTime) []string {
	var lines []string
	for i, h := range t.Holdings() {
		if i >= maxHolders && !b.verbose {
			break
		}
		who, what := keeping(t.Bucket)
		lines = append(lines, who+" "+placeIn(h.Frame, b.notes-len(who)-1))
		doing := b.doing(&h, b.verbose)
		list := wrapList(what+" ", doing, b.notes-2)
		if len(list) > 1 && !b.verbose {
			list = []string{wrapList(what+" ", doing, b.notes-4)[0] + " …"}
		}
		lines = append(lines, indented(list)...)
	}
	return lines
}

// doing lists what a holder was busy with, and for how long per request.
func (b *block) doing(h *breakdown.Holding, all bool) (parts []string) {
	for i, d := range h.Doing {
		if i == 0 || all || ratio(d.Total, h.Total) >= detailed {
			parts = append(parts, d.Doing.Info().Label+" "+b.scale.atLeastVisible(d.Total/max(b.e.Requests, 1)))
		}
	}
	return parts
}

// fewestSamples is the fewest CPU samples that a page draws conclusions from.
const fewestSamples = 10

// libraries says how much of the running time was spent in calls to other systems
// within the process.
func (b *block) libraries() (lines []string) {
	for i := range b.e.CPULibraries {
		l := &b.e.CPULibraries[i]
		if l.OfSamples >= fewestSamples && (b.verbose || ratio(l.Estimate, b.e.Wall.Mean) >= detailed) {
			estimate := fmt.Sprintf("%s (estimate by %s)", within(l), counted(l.OfSamples, "CPU sample", "CPU samples"))
			lines = append(lines, wrap(estimate, b.notes)...)
		}
	}
	return lines
}

// functions lists the functions that this endpoint's CPU samples fell in.
func (b *block) functions() []string {
	samples := int64(0)
	for _, f := range b.e.CPU {
		samples += f.Samples
	}
	var lines []string
	for i, f := range b.e.CPU {
		if samples < fewestSamples {
			break
		}
		if share := ratio(f.Samples, samples); b.verbose && i < 10 || i < 2 && share >= 0.1 {
			lines = append(lines, fmt.Sprintf("%6s  %s", percent(share), shorten(function(f.Function), b.notes-10)))
		}
	}
	if len(lines) > 0 {
		lines = append([]string{fmt.Sprintf("of %s:", counted(samples, "CPU sample", "CPU samples"))}, indented(lines)...)
	}
	return lines
}

package report

import (
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
	switch {
	case sharesOnly(e):
		b.e = asTotals(e)
		b.whole, b.of, b.in = e.Wall.Total, total, totalIn
	case e.Requests == 0:
		b.e = cutOnly(e)
		b.whole, b.of, b.in = e.IncompleteTime, incomplete, incompleteIn
	}
	b.scale = scaleOf(b.whole)
	return b
}

// cutOnly returns an endpoint of which no request completed with the time and the call
// sites of those that were cut. The sites' means are sums, as the page shows them.
func cutOnly(e *breakdown.Endpoint) *breakdown.Endpoint {
	cut := *e
	cut.Buckets = slices.Clone(e.Buckets)
	for i := range cut.Buckets {
		t := &cut.Buckets[i]
		t.Total, t.Sites, t.Calls, t.CallsPerRequest = t.IncompleteTotal, slices.Clone(t.IncompleteSites), 0, 0
		for j := range t.Sites {
			t.Sites[j].Mean = t.Sites[j].Total
		}
	}
	return &cut
}

func (t *text) endpoint(e *breakdown.Endpoint) error {
	b := t.block(e)
	b.notes = t.width - 2 - nameColumns - shareColumns - 3*gutter - b.timeColumns()
	b.head()
	if err := t.table(2, b.rows()); err != nil {
		return err
	}
	if zero := b.zero(); len(zero) > 0 && !t.leavesOut(noZeros) {
		const head = "no time in: "
		for i, l := range wrapList("", zero, t.width-2-len(head)) {
			t.line(dim, spaces(2)+pad(head[:len(head)*max(1-i, 0)], len(head))+l)
		}
	}
	t.gap()
	return nil
}

func (b *block) timeColumns() int {
	if sharesOnly(b.e) {
		return len("99 to 100%")
	}
	return max(width(b.scale.column(b.whole)), 8)
}

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
		b.fields(plain, 0, b.seen(e), "mean "+b.scale.short(e.Wall.Mean),
			"p50 "+b.scale.short(e.Wall.P50), "p95 "+b.scale.short(e.Wall.P95), "p99 "+b.scale.short(e.Wall.P99))
	}
	if text := b.sampled(); text != "" {
		b.text.text(plain, 0, "", text)
	}
	if text := b.tail(); text != "" {
		b.text.text(plain, 0, "", text)
	}
	if text := b.inferred(); text != "" {
		b.text.text(plain, 0, "", text)
	}
	if b.cutMatters() {
		b.text.text(plain, 0, "", b.incomplete())
	}
	if e.Client != nil && e.Client.Probes > 0 {
		b.text.text(plain, 0, "", b.client(e.Client))
	}
	b.gap()
}

// cutMatters reports whether the requests cut by the window's edges are worth a line.
func (b *block) cutMatters() bool {
	least := 0.01
	switch {
	case b.e.Requests == 0 || b.verbose:
		least = 0
	case b.leavesOut(oneProof):
		least = 0.2
	case b.leavesOut(noTrifles):
		least = 0.05
	}
	return b.e.Incomplete > 0 && ratio(b.e.IncompleteTime, requestTime(b.e)) >= least
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
	if isOutside(b.b) {
		return b.answers(c)
	}
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
	if says := b.saysItself(c); says != "" && !b.leavesOut(noTrifles) {
		text += "; " + says
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
	if isOutside(b.b) && b.e.Client != nil {
		return b.outside()
	}
	var rows []row
	var rest []*breakdown.BucketTime
	for i, t := range ranked(b.e.Buckets, b.of) {
		switch share := ratio(b.of(t), b.whole); {
		case t.Bucket == breakdown.Unknown && i > 0:
		case share < b.ownLine() && t.Bucket != breakdown.DB:
			rest = append(rest, t)
		default:
			rows = append(rows, b.bucket(t, i == 0 || share >= b.detailed())...)
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

// ownLine returns the share from which a bucket gets a line, and detailed that from which
// it shows its phases and call sites.
func (b *block) ownLine() float64 {
	if b.leavesOut(fewSites) {
		return detailed
	}
	return ownLine
}

func (b *block) detailed() float64 {
	if b.leavesOut(fewSites) {
		return 0.25
	}
	return detailed
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
		parts = append(parts, label(t)+" "+b.amount(b.of(t)))
	}
	lines := wrapList("", parts, b.notes)
	if b.leavesOut(noZeros) && len(lines) > 1 {
		lines = []string{wrapList("", parts, b.notes-2)[0] + " …"}
	}
	return []row{b.row("the rest", sum, lines...)}
}

// zero names the buckets that hold no time.
func (b *block) zero() []string {
	if isOutside(b.b) {
		return nil // which buckets hold time is unknown
	}
	var names []string
	for i := range b.e.Buckets {
		if t := &b.e.Buckets[i]; b.of(t) == 0 && t.Bucket != breakdown.Unknown && !(t.Bucket == breakdown.Scheduler && b.e.Sampled != nil && b.e.Sampled.Joined) {
			names = append(names, label(t))
		}
	}
	return names
}

func (b *block) row(name string, ns int64, note ...string) row {
	time := ""
	if !sharesOnly(b.e) {
		time = b.scale.column(ns)
	}
	return b.rowOf(name, time, ns, note...)
}

func (b *block) rowOf(name, time string, ns int64, note ...string) row {
	return row{
		cells: []string{
			pad(name, nameColumns),
			spaces(b.timeColumns()-width(time)) + time,
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
	if sharesOnly(b.e) {
		rows[0] = b.rowOf(shorten(label(t), nameColumns), b.figure(t), b.of(t), b.ceiling(t)...)
	}
	if text := b.joined(t); text != "" {
		rows = append(rows, noted(wrap(text, b.notes)...)...)
	}
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
		if b.verbose || len(b.e.CPUSites) == 0 {
			rows = append(rows, noted(b.functions()...)...)
		}
	}
	if t.Bucket == breakdown.Sleep && len(t.Systems) > 0 {
		rows = append(rows, noted(wrap("timers of "+clean(list(t.Systems)), b.notes)...)...)
	}
	if t.Bucket == breakdown.Lock || t.Bucket == breakdown.Wait {
		rows = append(rows, noted(b.holders(t)...)...)
	}
	for _, p := range phases {
		note := slices.Concat(sites, b.phaseNote(t, p.Phase))
		rows = append(rows, b.row(phaseMark(p.Phase)+phaseName(p.Phase), b.in(&p), note...))
		sites = nil
	}
	return rows
}

// that figure may be.
func (b *block) ceiling(t *breakdown.BucketTime) []string {
	const figure = 26 // "  if free: 12.34 → 12.34 s"
	share := ratio(b.of(t), b.whole)
	if share < 0.0005 {
		return nil // it prints as 0.0%
	}
	columns := min(b.notes-figure, 30)
	drawn := b.parted(t, b.whole, columns, b.of, b.in)
	if !b.claims(t) {
		return []string{drawn}
	}
	s := savingOf(b.e, t)
	note := []string{pad(drawn, columns) + "  if free: " + b.scale.change(b.e.Wall.Mean, s.left(b.e))}
	for _, reserve := range s.reserves(b.scale, b.trifle()) {
		note = append(note, wrap(reserve, b.notes)...)
	}
	return note
}

// trifle returns the time up to which a doubt about a figure is left out.
func (b *block) trifle() int64 {
	switch {
	case b.leavesOut(fewSites):
		return b.e.Wall.Mean / 4
	case b.leavesOut(noTrifles):
		return int64(notable * float64(b.e.Wall.Mean))
	}
	return 0
}

// claims reports whether the page gives the mean wall time without the bucket.
func (b *block) claims(t *breakdown.BucketTime) bool {
	share := ratio(b.of(t), b.whole)
	return t.Bucket != breakdown.Unknown && b.e.Requests > 0 && (share >= ownLine || share >= 0.0005 && t.Bucket == breakdown.DB)
}

func (b *block) percentiles(t *breakdown.BucketTime) string {
	return fmt.Sprintf("p50 %s   p95 %s   p99 %s", b.scale.short(t.P50), b.scale.short(t.P95), b.scale.short(t.P99))
}

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// TextOptions configures the layout of text. The zero value means a plain page of 80
// columns.
type TextOptions struct {
	// Width is the width of the page in columns, at least 80. Lines are at most 140
	// columns long, since longer ones are hard to read.
	Width int
	// Color adds ANSI styles. They only emphasize.
	Color bool
	// Top is the number of endpoints shown individually; 0 means up to 3 with at least
	// 1% of the request time each. The others share a line.
	Top int
	// Verbose adds percentiles of the buckets, small phases, further call sites, and
	// the evidence for each attribution.
	Verbose bool
}

const (
	minWidth   = 80
	maxWidth   = 140
	defaultTop = 3
)

// Text writes b as one screen for a terminal: what was observed, a block per endpoint,
// what to try, what the answer does not cover, and in the last line the answer itself. It
// leaves out what matters least if that does not fit 24 lines for one endpoint.
func Text(w io.Writer, b *breakdown.Breakdown, o TextOptions) error {
	b = Worded(b)
	t := &text{page: newPage(o), b: b, verbose: o.Verbose}
	if err := t.fit(top(b, o.Top)); err != nil {
		return fmt.Errorf("laying out the report: %w", err)
	}
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// top returns how many endpoints are shown individually.
func top(b *breakdown.Breakdown, asked int) int {
	if asked > 0 {
		return asked
	}
	n := 0
	for i := range b.Endpoints[:min(defaultTop, len(b.Endpoints))] {
		if i == 0 || weight(b, &b.Endpoints[i]) >= ownLine {
			n = i + 1
		}
	}
	return n
}

// text lays out the first screen.
type text struct {
	page
	b       *breakdown.Breakdown
	verbose bool
	terse   terse
}

func (t *text) write(top int) error {
	t.fields(plain, 0, t.source()...)
	t.gap()
	if roots := rootsToShow(t.b); len(roots) > 0 {
		if err := t.roots(roots); err != nil {
			return err
		}
	}
	for i := range t.b.Endpoints[:min(top, len(t.b.Endpoints))] {
		if err := t.endpoint(&t.b.Endpoints[i]); err != nil {
			return err
		}
	}
	if len(t.b.Endpoints) > top && t.worthNaming(t.b.Endpoints[top:]) {
		t.others(t.b.Endpoints[top:])
	}
	t.instances()
	t.findings()
	t.warnings()
	if t.leavesOut(noGaps) {
		t.line(plain, "") // what stands apart is the answer
	}
	t.text(bold, 0, "", conclusion(t.b))
	return nil
}

// gap writes an empty line, unless lines are too few.
func (t *text) gap() {
	if !t.leavesOut(noGaps) {
		t.line(plain, "")
	}
}

// source says which service was observed, how much of the window was read, and at what
// cost.
func (t *text) source() []string {
	s := &t.b.Source
	var parts []string
	if s.Target != "" {
		parts = append(parts, shorten(clean(s.Target), t.width))
	}
	if s.GoVersion != "" {
		parts = append(parts, shorten(clean(s.GoVersion), t.width))
	}
	if s.Instances > 1 {
		parts = append(parts, counted(int64(s.Instances), "instance", "instances"))
	}
	if s.CapturedAt != nil {
		parts = append(parts, s.CapturedAt.UTC().Format(time.RFC3339))
	}
	parts = append(parts, windowText(s))
	if known := knownText(t.b); known != "" {
		parts = append(parts, known)
	}
	if s.Saturated >= 0.1 || t.verbose && s.GOMAXPROCS > 0 {
		parts = append(parts, saturated(s))
	}
	if text := inRequests(t.b); text != "" && !t.leavesOut(noZeros) {
		parts = append(parts, text)
	}
	switch {
	case isOutside(t.b):
		parts = append(parts, "estimate, from outside only")
	case t.b.Estimate:
		parts = append(parts, "estimate, without a trace")
	}
	if s.Cost != nil && s.Cost.WindowProbes > 0 || costOfSampling(t.b) != "" || t.verbose {
		parts = append(parts, "cost of looking: "+t.cost(s.Cost))
	}
	return append(parts, identity(s)...)
}

// identity returns the case, if known, and whether private data was masked.
func identity(s *breakdown.Source) (parts []string) {
	if s.Case != "" {
		parts = append(parts, "case "+shorten(clean(s.Case), 40))
	}
	if s.Redacted {
		parts = append(parts, "redacted")
	}
	return parts
}

// windowText says how long the window is and, if its intended length is known, how much
// of it could be read.
func windowText(s *breakdown.Source) string {
	window := max(s.Asked, s.Window) // a service may trace for longer than asked
	switch {
	case s.Covered == 0:
		return "nothing covered"
	case s.Light != nil && s.Light.Windows > 1:
		return fmt.Sprintf("%s covered, in %d windows within %s", duration(s.Covered), s.Light.Windows, duration(s.Light.Within))
	case s.Asked == 0 && s.Covered >= s.Window:
		return duration(s.Covered) + " covered"
	}
	return fmt.Sprintf("%s window, %s covered", duration(window), covered(ratio(s.Covered, window)))
}

// covered rounds down, so that a gap never vanishes in rounding.
func covered(share float64) string {
	return fmt.Sprintf("%.1f%%", float64(int(min(share, 1)*1000+1e-6))/10)
}

func saturated(s *breakdown.Source) string {
	cores := "the processors"
	if s.GOMAXPROCS > 0 {
		cores = counted(int64(s.GOMAXPROCS), "processor", "processors")
	}
	return fmt.Sprintf("%s, all busy %s of the time", cores, percent(s.Saturated))
}

// smallCost is the bound of a change, if no change is certain, from which it says nothing.
const smallCost = 0.1

func (t *text) cost(c *breakdown.Cost) string {
	switch {
	case costOfSampling(t.b) != "":
		return costOfSampling(t.b)
	case c == nil || c.WindowProbes == 0:
		return "not measured, no probes"
	case c.BaselineProbes == 0:
		return "not measured, no probes before the window"
	}
	text := "p50 " + signed(c.Change)
	if c.Low <= 0 && c.High >= 0 {
		text = "could not be measured"
		if c.High <= smallCost {
			text = "p50 at most " + signed(c.High)
		}
	}
	if t.verbose {
		text += fmt.Sprintf(" (%s to %s, %s → %s)", signed(c.Low), signed(c.High), duration(c.BaselineP50), duration(c.WindowP50))
	}
	return text
}

// others sums up the endpoints that get no block.
func (t *text) others(rest []breakdown.Endpoint) {
	requests, spent := int64(0), int64(0)
	var names []string
	for i := range rest {
		requests += rest[i].Requests
		spent += requestTime(&rest[i])
		names = append(names, titleWithKind(&rest[i], 40))
	}
	const named = 3
	if len(names) > named+1 {
		names = append(names[:named], "…")
	}
	with := counted(requests, "request", "requests") + " and "
	if t.b.Estimate && requests == 0 {
		with = ""
	}
	head := fmt.Sprintf("%s with %s%s of the request time: ",
		counted(int64(len(rest)), "more endpoint", "more endpoints"), with, percent(ratio(spent, t.requestTime())))
	t.text(plain, 0, "", head+strings.Join(names, ", "))
	t.line(plain, "")
}

// worthNaming reports whether endpoints have a complete request, or a share of the
// request time that matters. A request just starting or ending at the window's edge has
// neither.
func (t *text) worthNaming(list []breakdown.Endpoint) bool {
	spent := int64(0)
	for i := range list {
		if list[i].Requests > 0 {
			return true
		}
		spent += requestTime(&list[i])
	}
	return ratio(spent, t.requestTime()) >= ownLine
}

// requestTime returns the time that all requests spent in the window.
func (t *text) requestTime() int64 { return requestTimeOf(t.b) }

// several reports whether more than one endpoint matters: whether the busiest has less
// than 99% of the request time.
func several(b *breakdown.Breakdown) bool {
	top := busiest(b)
	return top != nil && ratio(requestTime(top), requestTimeOf(b)) < 1-ownLine
}

func requestTimeOf(b *breakdown.Breakdown) int64 {
	sum := int64(0)
	for i := range b.Endpoints {
		sum += requestTime(&b.Endpoints[i])
	}
	return sum
}

// weight returns an endpoint's share of the request time of its kind: of streams and
// long polls, or of all other endpoints.
func weight(b *breakdown.Breakdown, e *breakdown.Endpoint) float64 {
	sum := int64(0)
	for i := range b.Endpoints {
		if b.Endpoints[i].Lasts() == e.Lasts() {
			sum += requestTime(&b.Endpoints[i])
		}
	}
	return ratio(requestTime(e), sum)
}

func requestTime(e *breakdown.Endpoint) int64 { return e.RequestTime() }

// maxFindings is how many findings a screen shows unless it is verbose.
const maxFindings = 4

// maxWarnings is how many warnings a screen shows unless it is verbose.
const maxWarnings = 8

func (t *text) findings() {
	all := toTry(t.b.Findings)
	if len(all) == 0 {
		return
	}
	shown := all
	if !t.verbose {
		shown = t.worthwhile()
		shown = shown[:min(len(shown), maxFindings)]
	}
	if len(shown) == 0 {
		return
	}
	if most := 2; t.leavesOut(oneProof) && len(shown) > most {
		shown = shown[:most]
	}
	t.line(bold, "What to try")
	for i := range shown {
		t.finding(i+1, &shown[i])
	}
	if hidden := len(all) - len(shown); hidden > 0 {
		t.line(plain, fmt.Sprintf("  and %d more, in the verbose report", hidden))
	}
	t.gap()
}

// worthwhile returns the findings about endpoints that get a block.
func (t *text) worthwhile() []breakdown.Finding {
	var list []breakdown.Finding
	for _, f := range toTry(t.b.Findings) {
		e := t.find(f.Endpoint)
		if e == nil || weight(t.b, e) >= ownLine {
			list = append(list, f)
		}
	}
	return list
}

func (t *text) finding(n int, f *breakdown.Finding) {
	t.text(plain, 2, fmt.Sprintf("%d. ", n), t.heading(f))
	for _, evidence := range t.evidence(n, f) {
		t.text(dim, 5, "", clean(evidence))
	}
	if f.Try != "" && (n == 1 || !t.leavesOut(noProofs)) {
		t.text(plain, 5, "try: ", clean(f.Try))
	}
	if t.verbose && explainedID(f.ID) != "" {
		t.text(dim, 5, "", "timesink explain "+f.ID)
	}
}

// andMore says in how many other endpoints the cause of a finding is, "" if in none.
func (t *text) andMore(f *breakdown.Finding) string {
	switch n := len(f.Endpoints); n {
	case 0, 1:
		return ""
	case 2:
		return " and " + shorten(t.titleOf(f.Endpoints[1]), 50)
	default:
		return fmt.Sprintf(" and %d other endpoints", n-1)
	}
}

// heading returns a finding's first sentence: its title, what it would save, and its
// endpoint unless that is obvious.
func (t *text) heading(f *breakdown.Finding) string {
	head := clean(cmp.Or(f.Title, f.ID))
	if saves(f) && !(t.leavesOut(noTrifles) && t.concludes(f)) {
		head += " (" + savesUpTo(f) + ")"
	}
	if e := t.find(f.Endpoint); several(t.b) && f.Endpoint != "" || e != nil && e != busiest(t.b) {
		head += ", in " + shorten(t.titleOf(f.Endpoint), 50) + t.andMore(f)
	}
	return head
}

// find returns the endpoint that a finding names, or nil.
func (t *text) find(name string) *breakdown.Endpoint {
	for i := range t.b.Endpoints {
		if e := &t.b.Endpoints[i]; name != "" && (e.Name == name || e.Route == name) {
			return e
		}
	}
	return nil
}

// titleOf returns what this page calls the endpoint of that name.
func (t *text) titleOf(name string) string {
	if e := t.find(name); e != nil {
		return title(e)
	}
	return function(name)
}

func (t *text) warnings() {
	shown := t.b.Warnings
	if !t.verbose {
		shown = shown[:min(len(shown), t.mostWarnings())]
	}
	for _, w := range shown {
		message := clean(cmp.Or(w.Message, w.Code))
		if t.leavesOut(fewSites) && w.Code != "no-pprof" { // it says what to do
			message = firstLine(message, t.width-len("warning: "))
		}
		t.text(yellow, 0, "warning: ", message)
		if t.verbose && explainedID(w.Code) != "" {
			t.text(dim, len("warning: "), "", "timesink explain "+w.Code)
		}
	}
	if hidden := len(t.b.Warnings) - len(shown); hidden > 0 {
		t.line(yellow, counted(int64(hidden), "more warning", "more warnings")+", in the verbose report")
	}
	if len(shown) > 0 {
		t.gap()
	}
}

func (t *text) mostWarnings() int {
	if t.leavesOut(noProofs) {
		return 1
	}
	return maxWarnings
}

// ofService returns the goroutines that the service started, without the runtime's and
// those that record a trace or a profile.
func ofService(roots []breakdown.Root) []breakdown.Root {
	var list []breakdown.Root
	for _, r := range roots {
		if !strings.HasPrefix(r.Function, "runtime.") && !strings.HasPrefix(r.Function, "runtime/") {
			list = append(list, r)
		}
	}
	return list
}

func spentIn(r *breakdown.Root, bucket breakdown.Bucket) (sum int64) {
	for i := range r.Buckets {
		if r.Buckets[i].Bucket == bucket {
			sum += r.Buckets[i].Total
		}
	}
	return sum
}

func worked(t *breakdown.BucketTime) int64 {
	if t.Bucket.Idle() {
		return 0
	}
	return t.Total
}

// largest names the one or two buckets that hold most of a whole.
func largest(buckets []breakdown.BucketTime, whole int64, of func(*breakdown.BucketTime) int64) string {
	var parts []string
	for _, b := range ranked(buckets, of) {
		if share := ratio(of(b), whole); len(parts) < 2 && (share >= 0.05 || len(parts) == 0) {
			parts = append(parts, label(b)+" "+percent(share))
		}
	}
	return strings.Join(parts, ", ")
}

func total(t *breakdown.BucketTime) int64       { return t.Total }
func incomplete(t *breakdown.BucketTime) int64  { return t.IncompleteTotal }
func totalIn(p *breakdown.PhaseTime) int64      { return p.Total }
func incompleteIn(p *breakdown.PhaseTime) int64 { return p.IncompleteTotal }
func both(t *breakdown.BucketTime) int64        { return t.Total + t.IncompleteTotal }

// ranked returns the buckets that hold any time, the largest first.
func ranked(buckets []breakdown.BucketTime, of func(*breakdown.BucketTime) int64) []*breakdown.BucketTime {
	var list []*breakdown.BucketTime
	for i := range buckets {
		if of(&buckets[i]) > 0 {
			list = append(list, &buckets[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *breakdown.BucketTime) int { return cmp.Compare(of(b), of(a)) })
	return list
}

package analyze

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// This file finds statements that wait in the database because other transactions of the
// service hold the rows. A client does not see rows or locks. It sees when its statements
// were answered, and when its transactions ended: if a statement waits for a transaction's
// rows, it is answered when that one ends. So the waits at one place of the service end
// together with other requests' transactions, far more often than chance explains.
//
// Requests that start at one moment and take equally long end at one moment as well, without
// any lock. But nobody waits for a row that nobody holds: while a statement waits for one,
// another transaction has always had its answer, and has not ended. And how long such waits
// take varies more than the distance between the answers and the ends of transactions, or
// the transactions follow one another.
//
// A lock of a session, such as GET_LOCK or pg_advisory_lock take, is given up by a statement
// like any other, on a connection that the request has kept since. So each statement on such
// a connection is taken for an end as well, after which others may go on.

// A statement is one wait for the answer to a statement.
type statement struct {
	start, end int64
	goroutine  int64
	cause      *breakdown.Cause
	phase      breakdown.Phase
}

// An ending is a call that may release what a statement waits for: the one that commits a
// transaction or rolls it back, or one on a connection that a request keeps.
type ending struct {
	held       breakdown.Held // a transaction, or a connection
	start, end int64
	goroutine  int64
	since      int64 // when it began
	cause      *breakdown.Cause
	begun      *breakdown.Cause
	most       deed // what it did for most of that time
}

// rowWaits are the statements and the transactions of a capture.
type rowWaits struct {
	statements []statement
	// alone are the statements of transactions in databases that let one of them write at a
	// time, also those without an answer.
	alone []statement
	// writes are the waits of statements there that write without a transaction, so that
	// each is one.
	writes  []statement
	endings []ending
	spent   map[*breakdown.Cause]int64 // all waits, also those too short to be listed
	full    bool                       // no more are listed
}

const (
	shortestRowWait = 500_000 // ns; shorter ones are not worth an explanation
	mostRowWaits    = 1 << 15 // listed of a capture
	rowWaitSize     = 96      // bytes
)

// rowWaitsOf returns the statements of the capture being read.
func (a *account) rowWaitsOf() *rowWaits {
	for len(a.rowWaits) <= a.capture {
		a.rowWaits = append(a.rowWaits, &rowWaits{spent: map[*breakdown.Cause]int64{}})
	}
	return a.rowWaits[a.capture]
}

// listed reports whether one more of n may be listed.
func (w *rowWaits) listed(a *account, n int) bool {
	w.full = w.full || n >= mostRowWaits || !a.spend(rowWaitSize)
	return !w.full
}

// wait adds a statement's wait. A database with one writer is in the process, so that a
// statement of a transaction waits for it in C code as well.
func (w *rowWaits) wait(a *account, s *breakdown.Segment) {
	c := s.Cause
	switch {
	case w.full || s.Phase.Stage() != breakdown.Asking || c.Hold.Ends():
	case rules.OneWriter(c.System):
		switch {
		case c.State != "waiting" && c.State != "syscall":
		case c.Hold.Of() == breakdown.Transaction:
			w.note(a, s, &w.alone)
		case rules.Executes(c.Stack):
			w.note(a, s, &w.writes)
		}
	case c.State == "waiting" && !c.Hold.Begins():
		w.note(a, s, &w.statements)
	}
}

// note adds a wait's time, and lists the wait unless it is too short to be for another
// transaction.
func (w *rowWaits) note(a *account, s *breakdown.Segment, list *[]statement) {
	long := s.End-s.Start >= shortestRowWait
	if long && !w.listed(a, len(*list)) {
		return
	}
	w.spent[s.Cause] += s.End - s.Start
	if long {
		*list = append(*list, statement{s.Start, s.End, s.Goroutine, s.Cause, s.Phase})
	}
}

// A lateness is how far apart the answer to a statement and the end of a transaction may
// be, as the client sees them.
type lateness struct{ before, after int64 }

// Two ways in which answers may relate to the ends of transactions: a database releases rows
// when the transaction is durable, about when it answers the commit, or before.
var latenesses = []lateness{{before: 1e6, after: 1e6}, {before: math.MaxInt64, after: 1e6}}

// window returns the time in which a statement must be answered to have waited for a
// transaction.
func (l lateness) window(e *ending) (from, to int64) {
	from = e.start
	if l.before < e.end-e.start {
		from = e.end - l.before
	}
	return from, e.end + l.after
}

// What it takes for waits to be for rows: how many there must be, the share of their time
// that must end with a transaction, and by how much that must exceed the share that chance
// explains.
const (
	enoughRowWaits  = 10
	mostlyRowWaits  = 0.45
	beyondChance    = 0.35
	variesMore      = 4    // times the distance between answers and ends
	mostlyHeld      = 0.75 // of the waits' time, another transaction must hold rows
	mostlyDisjoint  = 0.9  // of the transactions, in sequence
	disjointEnough  = 300_000
	farthestMatched = 4 // of a wait, its end is at most this part apart from the transaction's
)

// A rowLocked is what was found about the waits at one site.
type rowLocked struct {
	phase   breakdown.Phase
	alone   string                     // the system, if it lets one transaction write at a time
	matched map[*breakdown.Cause]int64 // time by the wait's cause
	holders map[*ending]int64          // matched time
	answers map[int64][]int64          // when its statements were answered, by goroutine
}

// find returns the sites whose waits are for rows.
func (w *rowWaits) find() map[breakdown.Frame]*rowLocked {
	found := w.beside()
	if len(w.endings) < enoughRowWaits {
		return found
	}
	slices.SortFunc(w.endings, func(a, b ending) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), cmp.Compare(a.goroutine, b.goroutine))
	})
	for site, list := range bySite(w.statements) {
		for _, l := range latenesses {
			if f := w.match(list, l); f != nil {
				found[site] = f
				break
			}
		}
	}
	for site, list := range bySite(w.alone) {
		if f := w.exclude(list); f != nil {
			found[site] = f
		}
	}
	return found
}

// bySite returns statements by their places, in the order of their answers, where there are
// enough of them.
func bySite(statements []statement) map[breakdown.Frame][]*statement {
	sites := map[breakdown.Frame][]*statement{}
	for i := range statements {
		s := &statements[i]
		sites[s.cause.Site] = append(sites[s.cause.Site], s)
	}
	for site, list := range sites {
		if len(list) < enoughRowWaits || site.Function == "" {
			delete(sites, site)
			continue
		}
		slices.SortFunc(list, func(a, b *statement) int {
			return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), cmp.Compare(a.goroutine, b.goroutine))
		})
	}
	return sites
}

// oftenHeld is the share of the window in which transactions hold something from which it
// is no chance that no two of them do at once.
const oftenHeld = 0.4

// exclude returns what the waits at a site are for in a database that lets one transaction
// write at a time: another one always has the right to, and no two have it at once. When a
// wait ends says less, since such a database looks now and then whether it may.
func (w *rowWaits) exclude(list []*statement) *rowLocked {
	f := &rowLocked{phase: list[0].phase, alone: list[0].cause.System, matched: map[*breakdown.Cause]int64{}, holders: map[*ending]int64{}, answers: map[int64][]int64{}}
	for _, s := range list {
		f.answers[s.goroutine] = append(f.answers[s.goroutine], s.end)
	}
	var holds []stretch
	held := int64(0)
	for i := range w.endings {
		h := stretch{f.heldSince(&w.endings[i]), w.endings[i].end}
		holds, held = append(holds, h), held+h.to-h.from
	}
	all, matched := int64(0), int64(0)
	for _, s := range list {
		all += s.end - s.start
		behind := int64(0)
		for i := range w.endings {
			e := &w.endings[i]
			if both := min(e.end, s.end) - max(f.heldSince(e), s.start); both > 0 && e.goroutine != s.goroutine {
				f.holders[e] += both
				behind += both
			}
		}
		f.matched[s.cause] += min(behind, s.end-s.start)
		matched += min(behind, s.end-s.start)
	}
	covered := int64(0)
	for _, s := range union(holds) {
		covered += s.to - s.from
	}
	first, last := w.endings[0].since, w.endings[len(w.endings)-1].end
	chance, share := float64(covered)/float64(max(last-first, 1)), float64(matched)/float64(max(all, 1))
	if share < mostlyRowWaits || chance < oftenHeld && share-chance < beyondChance || float64(covered) < mostlyDisjoint*float64(held) {
		return nil
	}
	return f
}

// beside returns the sites of statements that write without a transaction, in a database
// with one writer, while others do: of several at once, all but one wait for their turn.
func (w *rowWaits) beside() map[breakdown.Frame]*rowLocked {
	type edge struct {
		at    int64
		begin bool
		of    int
	}
	var edges []edge
	for i := range w.writes {
		edges = append(edges, edge{w.writes[i].start, true, i}, edge{w.writes[i].end, false, i})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.of, b.of)) })
	waited, flying, last := make([]float64, len(w.writes)), map[int]bool{}, int64(0)
	for _, e := range edges {
		if n := float64(len(flying)); n > 1 {
			for i := range flying {
				waited[i] += float64(e.at-last) * (n - 1) / n
			}
		}
		if last = e.at; e.begin {
			flying[e.of] = true
		} else {
			delete(flying, e.of)
		}
	}
	found := map[breakdown.Frame]*rowLocked{}
	for site, list := range bySite(w.writes) {
		f := &rowLocked{phase: list[0].phase, alone: list[0].cause.System, matched: map[*breakdown.Cause]int64{}}
		all, matched := int64(0), int64(0)
		for i := range w.writes {
			if s := &w.writes[i]; s.cause.Site == site {
				all += s.end - s.start
				f.matched[s.cause] += int64(waited[i])
				matched += int64(waited[i])
			}
		}
		if float64(matched) >= mostlyRowWaits*float64(all) {
			found[site] = f
		}
	}
	return found
}

// match returns what the waits at a site are for, nil if they are not for rows as far as
// a client can tell.
func (w *rowWaits) match(list []*statement, l lateness) *rowLocked {
	f := &rowLocked{phase: list[0].phase, matched: map[*breakdown.Cause]int64{}, holders: map[*ending]int64{}, answers: map[int64][]int64{}}
	for _, s := range list {
		f.answers[s.goroutine] = append(f.answers[s.goroutine], s.end)
	}
	var lasted, fromStart, fromEnd []int64
	all, matched := int64(0), int64(0)
	var waited []*statement
	for _, s := range list {
		d := s.end - s.start
		all += d
		lasted = append(lasted, d)
		e := w.endingFor(s, l)
		if e == nil {
			continue
		}
		matched += d
		waited = append(waited, s)
		f.matched[s.cause] += d
		f.holders[e] += d
		fromStart, fromEnd = append(fromStart, s.end-e.start), append(fromEnd, s.end-e.end)
	}
	share := float64(matched) / float64(all)
	switch {
	case len(waited) < enoughRowWaits, share < mostlyRowWaits, share-w.chance(list, l) < beyondChance:
		return nil
	case w.heldMeanwhile(waited, f) < mostlyHeld:
		return nil
	case spread(lasted) < variesMore*min(spread(fromStart), spread(fromEnd)) && w.disjoint(waited) < mostlyDisjoint:
		return nil
	}
	return f
}

// heldSince returns from when a transaction may have held the rows: since its own statement
// was answered.
func (f *rowLocked) heldSince(e *ending) int64 {
	list := f.answers[e.goroutine]
	if i, _ := slices.BinarySearch(list, e.start); i > 0 {
		return max(e.since, list[i-1])
	}
	return e.since
}

// endingFor returns the transaction of another request that ended when a statement was
// answered, the nearest if there are several, or nil.
func (w *rowWaits) endingFor(s *statement, l lateness) (best *ending) {
	within := min(l.after, (s.end-s.start)/farthestMatched)
	i, _ := slices.BinarySearchFunc(w.endings, s.end-within, func(e ending, t int64) int { return cmp.Compare(e.end, t) })
	for ; i < len(w.endings) && w.endings[i].end-s.end <= longestEnding; i++ {
		e := &w.endings[i]
		from, _ := l.window(e)
		if e.goroutine == s.goroutine || from > s.end || e.start <= s.start {
			continue
		}
		if best == nil || distance(e.end, s.end) < distance(best.end, s.end) {
			best = e
		}
	}
	return best
}

// longestEnding is how much later than a statement's answer that of a commit is looked for.
const longestEnding = 100_000_000

// chance returns the share of the time in which a statement could be answered to look as if
// it had waited for one of the transactions.
func (w *rowWaits) chance(list []*statement, l lateness) float64 {
	first, last := list[0].start, list[0].end
	for _, s := range list {
		first, last = min(first, s.start), max(last, s.end)
	}
	var spans []stretch
	for i := range w.endings {
		from, to := l.window(&w.endings[i])
		spans = append(spans, stretch{from, to})
	}
	covered := int64(0)
	for _, s := range union(spans) {
		covered += max(0, min(s.to, last)-max(s.from, first))
	}
	return float64(covered) / float64(max(last-first, 1))
}

// A stretch is a part of the window's time.
type stretch struct{ from, to int64 }

// union joins stretches that overlap, and sorts them.
func union(list []stretch) (out []stretch) {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// heldMeanwhile returns the share of the statements' waits in which any transaction may
// have held rows.
func (w *rowWaits) heldMeanwhile(waited []*statement, f *rowLocked) float64 {
	var holds []stretch
	for i := range w.endings {
		e := &w.endings[i]
		holds = append(holds, stretch{f.heldSince(e), e.end})
	}
	holds = union(holds)
	held, all := int64(0), int64(0)
	for _, s := range waited {
		all += s.end - s.start
		i, _ := slices.BinarySearchFunc(holds, s.start, func(h stretch, t int64) int { return cmp.Compare(h.to, t) })
		for ; i < len(holds) && holds[i].from < s.end; i++ {
			held += max(0, min(holds[i].to, s.end)-max(holds[i].from, s.start))
		}
	}
	return float64(held) / float64(max(all, 1))
}

// disjoint returns the share of the statements after which no other one at the same site
// was answered until their own transaction had ended.
func (w *rowWaits) disjoint(waited []*statement) float64 {
	own := map[int64][]*ending{}
	for i := range w.endings {
		own[w.endings[i].goroutine] = append(own[w.endings[i].goroutine], &w.endings[i])
	}
	apart, of := 0, 0
	for i, s := range waited[:len(waited)-1] {
		list := own[s.goroutine]
		j, _ := slices.BinarySearchFunc(list, s.end, func(e *ending, t int64) int { return cmp.Compare(e.end, t) })
		if j == len(list) {
			continue
		}
		of++
		if waited[i+1].end >= list[j].end-disjointEnough {
			apart++
		}
	}
	return float64(apart) / float64(max(of, 1))
}

// spread returns the distance between the quartiles.
func spread(list []int64) int64 {
	s := slices.Sorted(slices.Values(list))
	return s[3*len(s)/4] - s[len(s)/4]
}

// settleRowLocks moves the time of waits for rows to a phase of its own.
func (s *settled) settleRowLocks(a *account) {
	for _, w := range a.rowWaits {
		for _, f := range w.find() {
			for _, e := range s.byKey {
				e.rowLocked(w, f)
			}
		}
	}
}

// rowLocked moves an endpoint's waits at a site to the phase of row locks: of each cause,
// the share that was found to be for rows.
func (e *endpoint) rowLocked(w *rowWaits, f *rowLocked) {
	b, moved, cut := &e.buckets[breakdown.DB], int64(0), int64(0)
	for cause, t := range f.matched {
		part := float64(t) / float64(max(w.spent[cause], 1))
		if sum := b.causes[cause]; sum != nil {
			moved += int64(float64(sum.ns) * part)
		}
		if sum := b.cut[cause]; sum != nil {
			cut += int64(float64(sum.ns) * part)
		}
	}
	if cut > 0 && b.incompletePhases != nil {
		cut = min(cut, b.incompletePhases[f.phase])
		b.incompletePhases[f.phase] -= cut
		b.incompletePhases[breakdown.RowLock] += cut
	}
	if moved = min(moved, b.phases[f.phase]); moved == 0 {
		return
	}
	b.phases[f.phase] -= moved
	b.phases[breakdown.RowLock] += moved
	e.rowLocks = append(e.rowLocks, f)
}

// rowLockEvidence returns the holders of the rows that an endpoint's requests wait for.
func (e *endpoint) rowLockEvidence() *diagnosis.RowLock {
	if len(e.rowLocks) == 0 {
		return nil
	}
	type place struct {
		end, at breakdown.Frame
		doing   breakdown.Bucket
		held    breakdown.Held
	}
	type sums struct{ waited, held, did, n int64 }
	sites, holders := map[breakdown.Frame]int64{}, map[place]*sums{}
	alone := ""
	for _, f := range e.rowLocks {
		alone = f.alone
		for c, t := range f.matched {
			if e.buckets[breakdown.DB].causes[c] != nil {
				sites[c.Site] += t
			}
		}
		for end, t := range f.holders {
			p := place{siteOf(end.cause), siteOf(end.most.work), end.most.doing, end.held}
			if holders[p] == nil {
				holders[p] = &sums{}
			}
			h, since := holders[p], f.heldSince(end)
			h.waited, h.held, h.n = h.waited+t, h.held+end.start-since, h.n+1
			if end.most.until > since {
				h.did += min(end.most.time, end.most.until-since)
			}
		}
	}
	out := &diagnosis.RowLock{Site: mainSite(sites), Alone: alone}
	most, best := int64(-1), place{}
	for p, h := range holders {
		if h.waited > most || h.waited == most && cmp.Or(compareFrames(p.end, best.end), compareFrames(p.at, best.at)) < 0 {
			most, best = h.waited, p
		}
	}
	if h := holders[best]; h != nil {
		out.End, out.At, out.Doing, out.By = best.end, best.at, best.doing, best.held
		out.Held, out.Did = mean(h.held, h.n), mean(h.did, h.n)
	}
	return out
}

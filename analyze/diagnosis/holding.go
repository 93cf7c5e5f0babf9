package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// Things that are held: connections, transactions, rows and locks that one request has
// while others wait for them.

// Held is what is known of what an endpoint's requests hold, and of what they wait for
// because others hold it.
type Held struct {
	// Across is what requests do while they hold a connection, the longest first.
	Across []Across
	// Nested is set if requests hold a connection and wait for another one.
	Nested *Nested
	// RowLock is set if statements wait for rows that other transactions hold.
	RowLock *RowLock
	// Readers is how long requests wait for a lock that readers share behind a writer
	// that waits for a reader.
	Readers int64
}

// Across is what requests do between two calls with one connection.
type Across struct {
	Held  breakdown.Held
	Begun breakdown.Frame // where they began to hold it
	Each  int64           // for how long each is held, 0 if unknown
	Doing breakdown.Bucket
	At    breakdown.Frame // in the service's code
	Time  int64           // per request
}

// Nested is what shows that requests hold two connections at once.
type Nested struct {
	Inner, Outer breakdown.Frame // where they get, or give back, the second and the first
	Twice        int64           // how many requests gave two back in a row
	Wait         int64           // how long a request waits for the second, as far as that shows
	First        int64           // and for the first
}

// RowLock is who holds the rows that statements wait for.
type RowLock struct {
	Site  breakdown.Frame  // of the statements
	Alone string           // the system that lets one transaction write at a time, "" for rows
	By    breakdown.Held   // what the holders hold them with: a transaction, or a connection
	End   breakdown.Frame  // where the holders end their transactions, or ask for the last time
	Held  int64            // for how long each holds the rows
	Did   int64            // for how long it was in Doing, at At
	At    breakdown.Frame  // in the service's code
	Doing breakdown.Bucket // meaningless if Did is 0
}

// readerBehindWriter finds that requests cannot read since a writer waits, and it waits for
// a reader.
func readerBehindWriter(s *subject) *found {
	t := &s.Buckets[breakdown.Lock]
	if !s.worth(s.Readers) || 2*s.Readers < t.Mean {
		return nil
	}
	return s.waiting(t)
}

// rowLock finds statements that wait for rows.
func rowLock(s *subject) *found {
	r := s.RowLock
	c := s.claimed(breakdown.DB, breakdown.Locked)
	if r == nil || !s.worth(c.ns) {
		return nil
	}
	f := &found{sure: breakdown.Likely, claims: []claim{c}, saves: c.ns, key: r.Site.Function, facts: breakdown.Facts{spent(c.ns)}}
	f.facts = append(f.facts, at(r.Site)...)
	if r.Alone != "" {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: r.Alone})
	}
	if r.End.Function == "" {
		return f // the statements are transactions of their own
	}
	f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactHeld, Name: r.By.String(), Place: breakdown.Place(r.End), Value: float64(r.Held)})
	if 10*r.Did >= r.Held && r.Did > 0 {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactAcross, Name: r.Doing.String(), Place: breakdown.Place(r.At), Value: float64(r.Did)})
	}
	return f
}

// loneTransaction finds transactions of one statement. What they were begun for no trace
// shows: a level of isolation, or a setting that lasts until their end.
func loneTransaction(s *subject) *found {
	x := s.Lone
	if x == nil || !s.worth(x.Time) {
		return nil
	}
	c := s.claimed(breakdown.DB, breakdown.Asking)
	c.ns = min(c.ns, x.Time)
	return &found{sure: breakdown.Likely, claims: []claim{c}, saves: c.ns, key: x.Site.Function, facts: append(breakdown.Facts{
		spent(c.ns), {Kind: breakdown.FactCalls, Value: x.Times}}, at(x.Site)...)}
}

// pooled returns a claim on the time in a pool of connections, of zero length if that is
// not worth a finding.
func (s *subject) pooled(b breakdown.Bucket) claim {
	c := s.claimed(b, breakdown.Pooling)
	if !s.worth(c.ns) {
		c.ns = 0
	}
	return c
}

// Nested acquisition takes this many requests that gave two connections back in a row, and
// this share of the pool's wait, or of the requests.
const (
	enoughNested  = 5
	notableNested = 0.05
)

// nestedAcquisition finds requests that wait for a second connection of the same pool. That
// it is the same shows in the wait for the first one: other requests wait for that as well.
func nestedAcquisition(s *subject) *found {
	n, c := s.Nested, s.pooled(breakdown.DB)
	if n == nil || c.ns == 0 {
		return nil
	}
	inTurn := n.Twice >= enoughNested && float64(n.Twice) >= notableNested*float64(s.Requests)
	inside := 2*n.Wait >= c.ns && 10*n.First >= n.Wait
	if !inTurn && !inside {
		return nil
	}
	return &found{sure: breakdown.Likely, claims: []claim{c}, saves: c.ns, key: n.Inner.Function, facts: append(append(breakdown.Facts{spent(c.ns)}, at(n.Inner)...),
		breakdown.Fact{Kind: breakdown.FactHeld, Name: breakdown.Connection.String(), Place: breakdown.Place(n.Outer)})}
}

// A held transaction that nobody waits for is worth a word from this share of the wall
// time in which it is idle.
const idleTransaction = 0.2

// transactionAcrossCall finds transactions, and connections taken from the pool, that are
// held while requests do other work. Where requests wait for such a connection, that is
// what it explains; where they do not, it is shown for what it does to the database.
func transactionAcrossCall(s *subject) *found {
	c := s.pooled(breakdown.DB)
	if c.ns > 0 {
		a := s.in.heldBy(s.Buckets[breakdown.DB].Holdings())
		if a == nil || !s.heldElsewhere(breakdown.DB) {
			return nil
		}
		f := &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, facts: append(breakdown.Facts{spent(c.ns)}, a.facts()...)}
		f.facts = append(f.facts, s.holders(&s.Buckets[breakdown.DB])...)
		return f
	}
	if s.RowLock != nil && s.worth(s.claimed(breakdown.DB, breakdown.Locked).ns) {
		return nil // said with the rows
	}
	var most *Across
	idle := int64(0)
	for i := range s.Across {
		a := &s.Across[i]
		if a.Held != breakdown.Transaction || !waitsIn(a.Doing) {
			continue
		}
		idle += a.Time
		if most == nil {
			most = a
		}
	}
	if most == nil || s.in.saidWithRows(most) || float64(idle) < idleTransaction*float64(s.Wall.Mean) {
		return nil
	}
	return &found{sure: breakdown.Certain, saves: 0, stands: true, key: most.Begun.Function, facts: append(breakdown.Facts{spent(0)}, most.facts()...)}
}

// saidWithRows reports whether requests of any endpoint wait for rows that are locked
// while a transaction is held across this work.
func (in *Input) saidWithRows(a *Across) bool {
	return slices.ContainsFunc(in.Evidence, func(e Evidence) bool {
		return e.RowLock != nil && e.RowLock.Doing == a.Doing && e.RowLock.At == a.At
	})
}

// waitsIn reports whether a connection that is held meanwhile is idle for no good reason.
func waitsIn(b breakdown.Bucket) bool {
	return b.Kind() == breakdown.Blocked && b != breakdown.ClientIO || b.External() && b != breakdown.DB
}

// facts returns what is held, and what is done meanwhile.
func (a *Across) facts() breakdown.Facts {
	return breakdown.Facts{
		{Kind: breakdown.FactHeld, Name: a.Held.String(), Place: breakdown.Place(a.Begun), Value: float64(a.Each)},
		{Kind: breakdown.FactAcross, Name: a.Doing.String(), Place: breakdown.Place(a.At), Value: float64(a.Time)},
	}
}

// heldBy returns the transaction that the main holder of a pool's connections has open
// while it does what it does, in whichever endpoint, or nil if none shows.
func (in *Input) heldBy(list []breakdown.Holding) *Across {
	for _, h := range list {
		for _, d := range h.Doing {
			if d.Doing == breakdown.DB || d.At == nil || 4*d.Total < h.Total {
				continue
			}
			for i := range in.Evidence {
				for j := range in.Evidence[i].Across {
					if a := &in.Evidence[i].Across[j]; a.Doing == d.Doing && a.At == *d.At && a.Held == breakdown.Transaction {
						return a
					}
				}
			}
		}
		break
	}
	return nil
}

// poolUse returns for how long the holders of a bucket's connections were in its calls, and
// for how long elsewhere, over all requests that waited for them. What the runtime delayed
// counts for neither.
func (s *subject) poolUse(of breakdown.Bucket) (asked, elsewhere int64) {
	for _, h := range s.Buckets[of].Holders {
		switch h.Doing {
		case of:
			asked += h.Total
		case breakdown.Scheduler, breakdown.GC:
		default:
			elsewhere += h.Total
		}
	}
	return asked, elsewhere
}

// heldElsewhere reports whether a bucket's connections are held for other work than its
// calls.
func (s *subject) heldElsewhere(of breakdown.Bucket) bool {
	asked, elsewhere := s.poolUse(of)
	return elsewhere > asked
}

// knownHolders reports whether what the holders did is known for most of the pool's wait.
func (s *subject) knownHolders(c claim) bool {
	asked, elsewhere := s.poolUse(c.bucket)
	return 2*(asked+elsewhere) >= c.ns*s.Requests
}

// poolHeld returns a look for requests that wait for connections which are held for other
// work.
func poolHeld(b breakdown.Bucket) look {
	return func(s *subject) *found {
		c := s.pooled(b)
		if c.ns == 0 || !s.knownHolders(c) || !s.heldElsewhere(b) {
			return nil
		}
		return s.starved(c)
	}
}

// poolTooSmall returns a look for requests that wait for connections that are in use
// throughout. Nothing that the client sees shows whether the other side has room for more
// at once.
func poolTooSmall(b breakdown.Bucket) look {
	return func(s *subject) *found {
		c := s.pooled(b)
		if c.ns == 0 || !s.knownHolders(c) {
			return nil
		}
		f := s.starved(c)
		f.sure = breakdown.Likely
		return f
	}
}

// poolStarved returns a look for a starved pool of which it is not known what the holders
// do.
func poolStarved(b breakdown.Bucket) look {
	return func(s *subject) *found {
		if c := s.pooled(b); c.ns > 0 {
			return s.starved(c)
		}
		return nil
	}
}

func (s *subject) starved(c claim) *found {
	t := &s.Buckets[c.bucket]
	f := &found{sure: breakdown.Certain, claims: []claim{c}, saves: c.ns, key: c.bucket.String(), facts: breakdown.Facts{spent(c.ns), {Kind: breakdown.FactBucket, Name: c.bucket.String()}}}
	if len(t.Sites) > 0 {
		f.facts = append(f.facts, at(t.Sites[0].Frame)...)
	}
	f.facts = append(f.facts, s.holders(t)...)
	for _, name := range t.Systems {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactSystem, Name: name})
	}
	return f
}

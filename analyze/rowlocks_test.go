package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// A table is a database's table under a load of clients, each in a closed loop: a
// transaction begins, a statement takes or waits for a row, other work is done, and the
// transaction is committed.
type table struct {
	clients, rows int   // rows is the number of those that statements lock, 0 for none
	work          int64 // ns, while the row is locked
	commit        int64
	statement     int64 // without a lock
	jitter        float64
	together      bool // all clients begin each round at once
}

// load returns what a client sees of the table.
func (t table) load(rounds int, seed uint64) *rowWaits {
	rnd := rand.New(rand.NewPCG(seed, 2))
	vary := func(ns int64) int64 { return ns + int64(t.jitter*float64(ns)*(rnd.Float64()-0.5)) }
	w := &rowWaits{spent: map[*breakdown.Cause]int64{}}
	lock := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.lock"}}
	commit := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.commit"}, Hold: breakdown.EndsTx}
	free := make([]int64, max(t.rows, 1)) // when each row is free
	ready := make([]int64, t.clients)
	for range rounds * t.clients {
		g := 0
		for i := range ready {
			if ready[i] < ready[g] {
				g = i
			}
		}
		begun := ready[g]
		start := begun + vary(200_000)
		answered := start + vary(t.statement)
		row := rnd.IntN(len(free))
		if t.rows > 0 {
			answered = max(answered, free[row]+vary(100_000))
		}
		end := answered + vary(t.work)
		done := end + vary(t.commit)
		free[row] = done - vary(50_000)
		w.spent[lock] += answered - start
		if answered-start >= shortestRowWait {
			w.statements = append(w.statements, statement{start, answered, int64(g), lock, breakdown.Query})
		}
		w.endings = append(w.endings, ending{start: end, end: done, goroutine: int64(g), since: begun, cause: commit})
		ready[g] = done + vary(300_000)
		if t.together && g == t.clients-1 {
			for i := range ready {
				ready[i] = slices.Max(ready) + vary(100_000)
			}
		}
	}
	return w
}

func TestStatementsWaitForRowsIfTheyAreAnsweredWhenTransactionsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		table table
		found bool
	}{
		{"a row locked over other work", table{clients: 8, rows: 1, work: 10e6, commit: 500e3, statement: 300e3, jitter: 0.3}, true},
		{"the same without jitter", table{clients: 4, rows: 1, work: 10e6, commit: 500e3, statement: 300e3, jitter: 0.02}, true},
		{"three rows", table{clients: 16, rows: 3, work: 10e6, commit: 500e3, statement: 300e3, jitter: 0.3}, true},
		{"two clients", table{clients: 2, rows: 1, work: 10e6, commit: 500e3, statement: 300e3, jitter: 0.3}, true},
		{"a slow statement", table{clients: 8, work: 1e6, commit: 500e3, statement: 20e6, jitter: 0.3}, false},
		{"a slow statement that always takes as long", table{clients: 8, work: 100e3, commit: 500e3, statement: 20e6, jitter: 0.01}, false},
		{"a slow statement in all clients at once", table{clients: 8, work: 100e3, commit: 500e3, statement: 20e6, jitter: 0.02, together: true}, false},
		{"a slow statement in many clients at once", table{clients: 30, work: 300e3, commit: 700e3, statement: 20e6, jitter: 0.05, together: true}, false},
		{"a slow statement, and work in its transaction", table{clients: 8, work: 20e6, commit: 500e3, statement: 20e6, jitter: 0.3}, false},
		{"a slow statement and work in all clients at once", table{clients: 8, work: 20e6, commit: 500e3, statement: 20e6, jitter: 0.02, together: true}, false},
		{"slow commits", table{clients: 8, work: 100e3, commit: 10e6, statement: 1e6, jitter: 0.5}, false},
		{"fast statements", table{clients: 8, work: 10e6, commit: 500e3, statement: 300e3, jitter: 0.3}, false},
		{"many clients with a slow statement", table{clients: 64, work: 1e6, commit: 500e3, statement: 20e6, jitter: 0.6}, false},
	} {
		for seed := range uint64(16) {
			found := c.table.load(60, seed).find()
			if (len(found) > 0) != c.found {
				t.Errorf("%s: found %v with seed %d", c.name, found, seed)
			}
			for _, f := range found {
				sum := int64(0)
				for _, ns := range f.matched {
					sum += ns
				}
				if sum == 0 || len(f.holders) == 0 {
					t.Errorf("%s: %d ns, %d holders", c.name, sum, len(f.holders))
				}
			}
		}
	}
}

// A database with one writer lets a transaction begin when it looks whether it may, some time
// after another one has ended.
func TestTransactionsWaitForTheOnlyWriter(t *testing.T) {
	const ms = int64(1e6)
	begin := &breakdown.Cause{State: "syscall", System: "sqlite", Site: breakdown.Frame{Function: "main.begin"}, Hold: breakdown.BeginsTx}
	commit := &breakdown.Cause{State: "syscall", System: "sqlite", Site: breakdown.Frame{Function: "main.commit"}, Hold: breakdown.EndsTx}
	for _, c := range []struct {
		name         string
		one          bool  // writer at a time
		think, looks int64 // between two transactions, and between two looks of one that waits
		slow         int64 // for how long beginning takes without a lock
		found        bool
	}{
		{"six clients, one writer", true, ms, 5 * ms, 0, true},
		{"the same, looking often", true, ms, ms, 0, true},
		{"any number of writers, and a slow beginning", false, ms, ms, 8 * ms, false},
		{"the same, seldom", false, 100 * ms, ms, 8 * ms, false},
	} {
		rnd := rand.New(rand.NewPCG(7, 2))
		w := &rowWaits{spent: map[*breakdown.Cause]int64{}}
		ready, free := make([]int64, 6), int64(0)
		for i := range ready {
			ready[i] = int64(i) * ms / 3
		}
		for range 400 {
			g := 0
			for i := range ready {
				if ready[i] < ready[g] {
					g = i
				}
			}
			start := ready[g]
			answered := start + c.slow + rnd.Int64N(ms/5)
			for c.one && answered < free {
				answered += c.looks/2 + rnd.Int64N(c.looks)
			}
			end := answered + 6*ms + rnd.Int64N(2*ms)
			free = end
			ready[g] = end + c.think/2 + rnd.Int64N(c.think)
			w.spent[begin] += answered - start
			if answered-start >= shortestRowWait {
				w.alone = append(w.alone, statement{start, answered, int64(g), begin, breakdown.Query})
			}
			w.endings = append(w.endings, ending{start: end - ms/10, end: end, goroutine: int64(g), since: answered, cause: commit})
		}
		found := w.find()
		if (len(found) > 0) != c.found {
			t.Errorf("%s: found %v", c.name, found)
		}
		for _, f := range found {
			if f.alone != "sqlite" || 2*f.matched[begin] < w.spent[begin] {
				t.Errorf("%s: %q, %d of %d ns", c.name, f.alone, f.matched[begin], w.spent[begin])
			}
		}
	}
}

// Of statements that write at once in a database with one writer, all but one wait.
func TestWritesWithoutTransactionsWaitForTheOnlyWriter(t *testing.T) {
	const ms = int64(1e6)
	write := &breakdown.Cause{State: "syscall", System: "sqlite", Site: breakdown.Frame{Function: "main.insert"}}
	for _, c := range []struct {
		name    string
		clients int64
		think   int64
		waited  float64 // of the statements' time, 0 if nothing is found
	}{
		{"six clients", 6, 0, 5.0 / 6},
		{"two clients", 2, 0, 1.0 / 2},
		{"one client", 1, 0, 0},
		{"six clients, seldom", 6, 100 * ms, 0},
	} {
		w := &rowWaits{spent: map[*breakdown.Cause]int64{}}
		ready, free := make([]int64, c.clients), int64(0)
		for i := range 60 * c.clients {
			g := i % c.clients
			start := ready[g]
			end := max(start, free) + 4*ms
			free = end
			ready[g] = end + c.think
			w.spent[write] += end - start
			w.writes = append(w.writes, statement{start, end, g, write, breakdown.Query})
			if i < c.clients {
				ready[g] += i * c.think / c.clients // they spread out
			}
		}
		f := w.find()[write.Site]
		if (f != nil) != (c.waited > 0) {
			t.Fatalf("%s: %+v", c.name, f)
		}
		if f != nil && (f.alone != "sqlite" || math.Abs(float64(f.matched[write])/float64(w.spent[write])-c.waited) > 0.02) {
			t.Errorf("%s: %q, %d of %d ns", c.name, f.alone, f.matched[write], w.spent[write])
		}
	}
}

package rules

import (
	"testing"

	"timesink/analyze/breakdown"
)

func TestStacksSayWhatIsHeld(t *testing.T) {
	const read = netRead + " < github.com/lib/pq.(*conn).recvMessage"
	table := New()
	for _, c := range []struct {
		name, stack string
		hold        breakdown.Hold
		returns     bool
	}{
		{"a transaction begins", read + " < database/sql.(*DB).beginDC < database/sql.(*DB).BeginTx < " + handler, breakdown.BeginsTx, false},
		{"a mapper begins one", read + " < database/sql.(*DB).BeginTx < gorm.io/gorm.(*DB).Begin < gorm.io/gorm.(*DB).Transaction < " + handler, breakdown.BeginsTx, false},
		{"it makes a statement", read + " < database/sql.(*DB).execDC < database/sql.(*Tx).ExecContext < " + handler, breakdown.UsesTx, false},
		{"it is committed", read + " < github.com/lib/pq.(*conn).Commit < database/sql.(*Tx).Commit < " + handler, breakdown.EndsTx, false},
		{"it is rolled back", read + " < database/sql.(*Tx).rollback < database/sql.(*Tx).Rollback < " + handler, breakdown.EndsTx, false},
		{"a statement outside", read + " < database/sql.(*DB).execDC < database/sql.(*DB).ExecContext < " + handler, breakdown.NoHold, false},
		{"a connection is used", read + " < database/sql.(*DB).queryDC < database/sql.(*Conn).QueryContext < " + handler, breakdown.UsesConn, false},
		{"rows are read", read + " < database/sql.(*Rows).nextLocked < database/sql.(*Rows).Next < " + handler, breakdown.ReadsRows, false},
		{"pgxpool begins", pgRead + " < github.com/jackc/pgx/v5.(*Conn).BeginTx < github.com/jackc/pgx/v5/pgxpool.(*Conn).BeginTx < github.com/jackc/pgx/v5/pgxpool.(*Pool).BeginTx < " + handler, breakdown.BeginsTx, false},
		{"pgxpool commits in a function of pgx", pgRead + " < github.com/jackc/pgx/v5.(*dbTx).Commit < github.com/jackc/pgx/v5/pgxpool.(*Tx).Commit < github.com/jackc/pgx/v5.beginFuncExec < github.com/jackc/pgx/v5.BeginFunc < " + handler, breakdown.EndsTx, false},
		{"pgxpool keeps nothing", pgRead + " < github.com/jackc/pgx/v5.(*Conn).Exec < github.com/jackc/pgx/v5/pgxpool.(*Conn).Exec < github.com/jackc/pgx/v5/pgxpool.(*Pool).Exec < " + handler, breakdown.NoHold, false},
		{"pgxpool's connection is used", pgRead + " < github.com/jackc/pgx/v5.(*Conn).Exec < github.com/jackc/pgx/v5/pgxpool.(*Conn).Exec < " + handler, breakdown.UsesConn, false},
		{"an older pgx begins", read + " < github.com/jackc/pgx/v4.(*Conn).BeginTx < github.com/jackc/pgx/v4/pgxpool.(*Pool).BeginTx < " + handler, breakdown.BeginsTx, false},
		{"a connection goes back", "runtime.chansend1 < database/sql.(*DB).putConnDBLocked < database/sql.(*DB).putConn < database/sql.(*driverConn).releaseConn < database/sql.(*Rows).close < database/sql.(*Rows).Next < " + handler, breakdown.ReadsRows, true},
		{"a resource goes back", "runtime.closechan < golang.org/x/sync/semaphore.(*Weighted).Release < github.com/jackc/puddle/v2.(*Pool[...]).releaseAcquiredResource < github.com/jackc/puddle/v2.(*Resource[...]).Release < " + handler, breakdown.NoHold, true},
	} {
		got := table.Classify(stack(c.stack))
		if got.Hold != c.hold || got.Returns != c.returns {
			t.Errorf("%s: hold %d, returns %v, want %d, %v", c.name, got.Hold, got.Returns, c.hold, c.returns)
		}
		if c.hold.Of() == breakdown.Transaction && !got.Transaction {
			t.Errorf("%s: it is no part of the transaction", c.name)
		}
	}
}

func TestStacksShowReadersAndWriters(t *testing.T) {
	for _, c := range []struct {
		stack                 string
		reads, reader, writer bool
	}{
		{"runtime.semacquire1 < sync.runtime_SemacquireRWMutexR < sync.(*RWMutex).RLock < " + handler, true, false, false},
		{"sync.runtime_Semrelease < sync.(*RWMutex).rUnlockSlow < sync.(*RWMutex).RUnlock < " + handler, false, true, false},
		{"sync.runtime_Semrelease < sync.(*RWMutex).Unlock < " + handler, false, false, true},
		{"sync.runtime_Semrelease < sync.(*Mutex).unlockSlow < sync.(*Mutex).Unlock < " + handler, false, false, false},
	} {
		s := stack(c.stack)
		if LocksToRead(s) != c.reads || UnlocksReader(s) != c.reader || UnlocksWriter(s) != c.writer {
			t.Errorf("%s: %v, %v, %v", c.stack, LocksToRead(s), UnlocksReader(s), UnlocksWriter(s))
		}
	}
}

package breakdown

// A Hold is what a call to a database does with a connection that its caller keeps between
// two calls: as for a transaction, or while it reads rows one by one.
type Hold uint8

const (
	NoHold Hold = iota // no such connection, as far as the stack shows
	// BeginsTx, UsesTx and EndsTx: a transaction.
	BeginsTx
	UsesTx
	EndsTx
	// TakesConn, UsesConn and GivesConn: a connection taken from the pool for more than
	// one call.
	TakesConn
	UsesConn
	GivesConn
	// ReadsRows: rows whose connection is free once they have been read or closed.
	ReadsRows
	NumHolds
)

// A Held is what is held between two calls.
type Held uint8

const (
	Nothing Held = iota
	Transaction
	Connection
	OpenRows
	NumHeld
)

var holds = [NumHolds]Held{
	BeginsTx: Transaction, UsesTx: Transaction, EndsTx: Transaction,
	TakesConn: Connection, UsesConn: Connection, GivesConn: Connection,
	ReadsRows: OpenRows,
}

// Of returns what the call is about.
func (h Hold) Of() Held { return holds[h] }

// Begins reports whether nothing is held before the call.
func (h Hold) Begins() bool { return h == BeginsTx || h == TakesConn }

// Ends reports whether nothing is held after the call.
func (h Hold) Ends() bool { return h == EndsTx || h == GivesConn }

// String returns the name of what is held, in JSON: "transaction".
func (h Held) String() string {
	return [...]string{Nothing: "nothing", Transaction: "transaction", Connection: "connection", OpenRows: "rows"}[h]
}

// A Nested is what shows that a request held two connections of a pool at once: it gave
// back two in a row, without having asked for one in between.
type Nested struct {
	// Inner and Outer are where it gave back the second one that it had taken, and the
	// first.
	Inner, Outer *Cause
	Count        int64 // how often
}

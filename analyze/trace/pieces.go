package trace

// pieceRecords is the least number of records in a piece of a generation, except for the last
// piece.
const pieceRecords = 1 << 16

// maxAtOnce is the largest number of records that one event becomes.
const maxAtOnce = 3

// pieces pass on the records of a generation piece by piece, so that all are never in memory
// at once. The zero value passes on nothing.
type pieces struct {
	least  int                    // records in a piece; 0 to keep all
	each   func(*Generation) bool // called with each piece; nil if the records are dropped
	store  *store                 // keeps the pieces as blocks instead; may be nil
	enough bool                   // each returned false, or the store stopped
	checks bool                   // only check that all events can be read
}

// full reports whether there are enough records for a piece.
func (p *pieces) full(d *Generation) bool { return p.least > 0 && len(d.records) >= p.least }

// pass passes on the records that have accumulated. It returns false if no more are wanted.
func (p *pieces) pass(d *Generation) bool {
	if p.store != nil {
		p.enough = !p.store.fill(d)
		return !p.enough
	}
	if len(d.records) > 0 && p.each != nil {
		p.enough = !p.each(d)
	}
	d.records = d.records[:0]
	return !p.enough
}

// decodeInPieces returns a generation that yields its records in pieces of at least that many,
// or the error from decoding it. It decodes the generation once to see that it can be decoded,
// and then once for each loop over the records.
func decodeInPieces(g encoded, c *shared, least int) (d Generation, err error) {
	defer gaveUp(&err)
	if d, ok := checkWire(g, c, least); ok {
		d.pieces = func(each func(*Generation) bool) { decodeWirePieces(g, c, pieces{least: least, each: each}) }
		return d, nil
	}
	d, err = checkEvents(g, c)
	d.pieces = func(each func(*Generation) bool) { decodeEventPieces(g, c, pieces{least: least, each: each}) }
	return d, err
}

// checkWire returns a generation without its records, and false if this package's decoder
// cannot decode it.
func checkWire(g encoded, c *shared, least int) (Generation, bool) {
	o, ok := newOrdering(g, c)
	if !ok {
		return Generation{}, false
	}
	o.pieces = pieces{least: least, checks: true}
	o.out.records = make([]Record, 0, least+maxAtOnce)
	ok = o.run()
	d := o.out
	d.records, d.IDs, d.Names, d.nameOf = nil, nil, nil, nil
	return d, ok
}

// decodeWirePieces decodes a generation that passed checkWire, in pieces.
func decodeWirePieces(g encoded, c *shared, p pieces) {
	o, ok := newOrdering(g, c)
	if !ok {
		return
	}
	o.pieces = p
	o.out.records = make([]Record, 0, p.least+maxAtOnce)
	if o.run() && !o.enough {
		o.pass(&o.out)
	}
}

package timeline

import "timesink/analyze/breakdown"

// Looking up host names. The resolver asks name servers on goroutines of its own, for each
// name that it tries one after another, and on behalf of a goroutine that starts one to do
// the lookup. That one may dial for a request.

// A resolution counts lookups of host names and the names asked for in them.
type resolution struct{ lookups, names int32 }

// looksUp records that a goroutine started one that asks a name server. Several that it
// starts without a wait in between ask for one name: its addresses of each family.
func (m *machine) looksUp(g *goroutine, at int64) {
	first := g.lastAsked == 0
	if again := !first && g.lastAsked >= g.since; again {
		return
	}
	g.ensureRare().lastAsked = at
	by := g.creator
	if by == nil || by.dead {
		return
	}
	r := &by.ensureRare().resolution
	r.names++
	if first {
		r.lookups++
	}
}

// looked moves to a call what a goroutine looked up for it.
func looked(call *breakdown.Call, g *goroutine) {
	if g.lookups == 0 && g.names == 0 {
		return
	}
	call.Lookups += g.lookups
	call.Names += g.names
	g.resolution = resolution{}
}

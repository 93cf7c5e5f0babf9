package timeline

import (
	"fmt"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// Requests of all sizes are told in the order in which they ended, whole, and what
// comes after a generation is done when those before it were told. Their memory is
// used again meanwhile.
func TestRequestsAreToldInTheirOrder(t *testing.T) {
	said := func(teller bool) (all []string) {
		m := newMachine(rulesTable(), func(r *breakdown.Request) {
			all = append(all, fmt.Sprint(r.Goroutine, len(r.Path), r.Path, r.Calls, len(r.Samples)))
		})
		if teller {
			m.delivery = newDelivery(m.emit)
		}
		for n := range int64(3000) {
			g := &goroutine{id: n, rare: &nothing}
			r := m.begin(g, n)
			for i := range n % 7 * (1 + n%500/499*200) { // some are large
				r.Path = append(r.Path, breakdown.Segment{Start: n + i, End: n + i + 1})
				r.Calls = append(r.Calls, breakdown.Call{Goroutine: n})
				r.Samples = append(r.Samples, nil)
			}
			m.weigh(r)
			m.deliver(r)
			m.drop(g)
			if n%1000 == 0 {
				m.afterDelivery(func() { all = append(all, "a generation") })
			}
		}
		m.endDelivery()
		return all
	}
	if beside, here := said(true), said(false); len(here) != 3003 || !slices.Equal(beside, here) {
		t.Errorf("%d were told beside the machine, %d by it", len(beside), len(here))
	}
}

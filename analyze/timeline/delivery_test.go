package timeline

import (
	"fmt"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// Requests of all sizes are delivered whole and in the order in which they ended.
// What follows a generation runs after the requests before it were delivered. Their
// memory is reused in the meantime.
func TestDeliveryKeepsOrder(t *testing.T) {
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
		t.Errorf("%d delivered on another goroutine, %d by the machine itself", len(beside), len(here))
	}
}

package report

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A specimenRole says why a request is drawn: as the median, the 95th percentile, the
// slowest, an example of a histogram's bar, or the user's choice.
type specimenRole struct {
	name string
	id   breakdown.RequestID
}

// maxExamples is how many bars of a histogram have an example drawn, in addition to the
// median, the 95th percentile and the slowest.
const maxExamples = 12

// ToShow returns the requests that a page with that many top endpoints draws: of each
// endpoint the median, the 95th percentile, the slowest, and examples from across the
// histogram. asked is as HTMLOptions.Top. Requests that answered a probe are preferred,
// since they show the client's side too.
func ToShow(b *breakdown.Breakdown, asked int) []breakdown.RequestID {
	var ids []breakdown.RequestID
	for i := range b.Endpoints[:min(top(b, asked), len(b.Endpoints))] {
		for _, r := range roles(&b.Endpoints[i]) {
			if !slices.Contains(ids, r.id) {
				ids = append(ids, r.id)
			}
		}
	}
	return ids
}

func roles(e *breakdown.Endpoint) []specimenRole {
	if e.Detail == nil || len(e.Detail.Bars) == 0 {
		return nil
	}
	d := e.Detail
	list := []specimenRole{
		{"median", specimenOf(d, d.At(e.Wall.P50))},
		{"p95", specimenOf(d, d.At(e.Wall.P95))},
		{"slowest", specimenOf(d, &d.Bars[len(d.Bars)-1])},
	}
	for i := range min(maxExamples, len(d.Bars)) {
		at := 0
		if n := min(maxExamples, len(d.Bars)); n > 1 {
			at = i * (len(d.Bars) - 1) / (n - 1)
		}
		list = append(list, specimenRole{"example", specimenOf(d, &d.Bars[at])})
	}
	return list
}

// rolesAmong returns the roles of an endpoint's requests. Specimens without a role were
// chosen by the user. They go to the endpoint that served them or, if that is not
// shown, to the first one.
func rolesAmong(b *breakdown.Breakdown, at, top int, specimens []breakdown.Specimen) []specimenRole {
	list := roles(&b.Endpoints[at])
	usual := ToShow(b, top)
	for i := range specimens {
		s := &specimens[i]
		if slices.Contains(usual, s.ID) {
			continue
		}
		owner := slices.IndexFunc(b.Endpoints[:top], func(e breakdown.Endpoint) bool { return e.Name == s.Request.Endpoint && e.Kind == s.Request.Kind })
		if max(owner, 0) == at {
			list = append([]specimenRole{{"chosen", s.ID}}, list...)
		}
	}
	return list
}

// specimenOf returns a request of a bar.
func specimenOf(d *breakdown.Detail, bar *breakdown.Bar) breakdown.RequestID {
	for i := range d.Probed {
		if p := &d.Probed[i]; p.Wall >= bar.Low && p.Wall <= bar.High {
			return p.ID
		}
	}
	return bar.Example
}

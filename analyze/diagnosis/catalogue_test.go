package diagnosis

import (
	"slices"
	"testing"
)

func TestEveryKindOfCauseIsExplained(t *testing.T) {
	ids := []string{"accept-queue", "connection-leak", "deadlock", "goroutines-grow", "no-deadline", "not-worth-it", "stuck-requests"} // those of no row
	for _, k := range kinds {
		ids = append(ids, k.id)
		if e := Explain(k.id); e != nil && e.Finding != k.finding {
			t.Errorf("%s is a finding: %v, as explained: %v", k.id, k.finding, e.Finding)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var explained []string
	for _, e := range Catalogue() {
		explained = append(explained, e.ID)
		if e.Means == "" || e.Told == "" || e.Try == "" || e.Check == "" {
			t.Errorf("%s is explained as %+v", e.ID, e)
		}
	}
	if !slices.Equal(ids, explained) {
		t.Errorf("there are the kinds %v and the entries %v", ids, explained)
	}
	if e := Explain("no-core"); e == nil || e.ID != "no-core" || Explain("unheard-of") != nil {
		t.Errorf("no-core is explained as %+v", e)
	}
}

func TestEveryEntryIsWhole(t *testing.T) {
	seen, kinds := map[string]bool{}, map[EntryKind]int{}
	for _, e := range Everything() {
		if e.Means == "" || e.Told == "" || e.Try == "" || e.Check == "" {
			t.Errorf("%s is explained as %+v", e.ID, e)
		}
		if seen[e.ID] {
			t.Errorf("%s has two entries", e.ID)
		}
		seen[e.ID] = true
		kinds[e.Kind]++
		if found := Explain(e.ID); found == nil || *found != e {
			t.Errorf("%s is explained as %+v", e.ID, found)
		}
	}
	for _, k := range EntryKinds() {
		if kinds[k] == 0 {
			t.Errorf("no entry is a %s", k)
		}
	}
	if len(kinds) != len(EntryKinds()) {
		t.Errorf("the kinds are %v", kinds)
	}
}

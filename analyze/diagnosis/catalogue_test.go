package diagnosis

import (
	"slices"
	"testing"
)

func TestEveryKindOfCauseIsExplained(t *testing.T) {
	ids := []string{"accept-queue"}
	for _, k := range kinds {
		ids = append(ids, k.id)
		if e := Explain(k.id); e != nil && e.Finding != k.finding {
			t.Errorf("%s is a finding: %v, as explained: %v", k.id, k.finding, e.Finding)
		}
	}
	slices.Sort(ids)
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

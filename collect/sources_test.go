package collect

import (
	"testing"

	"timesink/collect/capture"
)

func TestEachPartHasOneSourceAndEachSourceAWarning(t *testing.T) {
	of := map[string]int{}
	for _, s := range sources() {
		if s.part != "" {
			of[s.part]++
			kind, ok := capture.KindOf(s.part)
			if !ok || s.moment() != kind.When {
				t.Errorf("the source %s is taken %s, its part %s is %+v", s.name, s.moment(), s.part, kind)
			}
			if !kind.Optional && (s.ask != nil || s.begin != nil) {
				t.Errorf("a collection succeeds without %s, which is required", s.part)
			}
		}
		if s.ask != nil && (s.code == "" || s.lost == "") {
			t.Errorf("the source %s (%s) has no warning for a missing answer", s.name, s.part)
		}
	}
	for _, kind := range capture.Kinds() {
		if want := map[bool]int{false: 1, true: 0}[kind.Derived]; of[kind.Name] != want {
			t.Errorf("%s has %d sources", kind.Name, of[kind.Name])
		}
	}
}

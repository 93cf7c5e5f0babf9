package report_test

import (
	"bytes"
	"strings"
	"testing"

	"timesink/analyze/diagnosis"
	"timesink/report"
)

func TestExplanationsFitTheirPage(t *testing.T) {
	all := diagnosis.Everything()
	var list bytes.Buffer
	if err := report.Explain(&list, all, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"Findings\n", "\nWarnings\n", "\nExit codes\n"} {
		if strings.Count(list.String(), head) != 1 {
			t.Errorf("the list does not hold %q once:\n%s", head, list.String())
		}
	}
	for i := range all {
		var one bytes.Buffer
		if err := report.Explain(&one, all[i:i+1], report.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(one.String(), all[i].ID+"\n  ") || !strings.Contains(one.String(), "\n  to check: ") || !strings.Contains(list.String(), "\n  "+all[i].ID+"\n") {
			t.Errorf("%s is explained as\n%s", all[i].ID, one.String())
		}
		for line := range strings.Lines(one.String() + list.String()) {
			if len([]rune(line)) > 81 {
				t.Errorf("%s has the line %s", all[i].ID, line)
			}
		}
	}
}

// A verbose page says where its findings and warnings are explained.
func TestAVerbosePageLeadsToTheExplanations(t *testing.T) {
	for id, fixture := range map[string]string{"sequential-calls": "ticket", "trace-truncated": "truncated"} {
		verbose, usual := text(t, fixtures[fixture](), report.TextOptions{Verbose: true}), text(t, fixtures[fixture](), report.TextOptions{})
		if line := " timesink explain " + id + "\n"; !strings.Contains(verbose, line) || strings.Contains(usual, line) {
			t.Errorf("%s:\n%s", id, verbose)
		}
	}
}

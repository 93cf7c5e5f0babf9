package analyze

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

// TestEveryFindingHasWords checks that reports have words for every finding.
func TestEveryFindingHasWords(t *testing.T) {
	for _, e := range diagnosis.Catalogue() {
		if !e.Finding {
			continue
		}
		b := &breakdown.Breakdown{Findings: []breakdown.Finding{{ID: e.ID, Facts: breakdown.Facts{}}}}
		if f := report.Worded(b).Findings[0]; f.Title == "" || f.Try == "" {
			t.Errorf("%s has the words %+v", e.ID, f)
		}
	}
}

// TestEveryWarningHasWords searches this package's sources for the codes of its
// warnings.
func TestEveryWarningHasWords(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`(?:\.add\(|differ\(|\{)"([a-z]+(?:-[a-z]+)+)", `)
	codes := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			codes[m[1]] = true
		}
	}
	for code := range codes {
		w := []breakdown.Warning{{Code: code, Facts: &breakdown.Doubt{Unruled: &breakdown.Unruled{}}}}
		report := report.WordedComparison(&breakdown.Comparison{Warnings: w}).Warnings[0].Message
		if report == "" {
			t.Errorf("%s has no words", code)
		}
	}
	if len(codes) < 25 {
		t.Errorf("only the codes %v were found", codes)
	}
}

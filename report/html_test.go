package report_test

import (
	"bytes"
	"testing"

	"timesink/report"
)

func html(t *testing.T, name string) string {
	t.Helper()
	var buf bytes.Buffer
	if err := report.HTML(&buf, fixtures[name](), nil, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestHTMLOfEveryFixture(t *testing.T) {
	for name := range fixtures {
		t.Run(name, func(t *testing.T) { html(t, name) })
	}
}

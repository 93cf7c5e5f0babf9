package capture_test

import (
	"testing"

	"timesink/collect/capture"
)

func TestWrittenBy(t *testing.T) {
	for format, want := range map[string]string{
		"go 1.11": "go1.11–go1.18", "go 1.21": "go1.21", "go 1.22": "go1.22", "go 1.23": "go1.23–go1.24", "go 1.26": "go1.26 or newer",
		"go 1.24": "", "go 1.99": "", "": "",
	} {
		if got := capture.WrittenBy(format).String(); got != want {
			t.Errorf("%q is written by %q, not %q", format, got, want)
		}
	}
	if newest := capture.WrittenBy("go 1.26"); newest.Holds(25) || !newest.Holds(26) || !newest.Holds(27) {
		t.Errorf("Go 1.26 and newer are %+v", newest)
	}
	if (capture.GoRange{}).Holds(26) {
		t.Error("Go 1.26 writes no format")
	}
}

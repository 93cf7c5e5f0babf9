package redact_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/exp/trace"

	"timesink/analyze/trace/tracetest"
)

// events returns the events of a trace from its reader, as text without their
// strings, up to the point where the trace cannot be read.
func events(data []byte) (list []string) {
	r, err := trace.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	for {
		ev, err := r.ReadEvent()
		if err != nil {
			if err != io.EOF {
				list = append(list, "cut")
			}
			return list
		}
		depth := 0
		for range ev.Stack().Frames() {
			depth++
		}
		list = append(list, fmt.Sprint(ev.Kind(), ev.Time(), ev.Goroutine(), depth))
	}
}

// sameEvents checks that a masked trace has the same events.
func sameEvents(t *testing.T, name string, data []byte) {
	t.Helper()
	masked := rewritten(t, data, func(text string) string { return "masked: " + text }, func(string) string { return "[value]" })
	want, got := events(data), events(masked)
	if len(want) != len(got) {
		t.Errorf("%s: %d events became %d", name, len(want), len(got))
		return
	}
	for i := range want {
		if want[i] != got[i] {
			t.Errorf("%s: event %d, %s, became %s", name, i, want[i], got[i])
			return
		}
	}
}

func TestAMaskedTraceHasTheSameEvents(t *testing.T) {
	for name, data := range recorded(t) {
		if len(events(data)) < 100 {
			t.Errorf("%s has only %d events", name, len(events(data)))
		}
		sameEvents(t, name, data)
		if !strings.HasPrefix(name, "timeline") {
			continue
		}
		parts := 5
		if !tracetest.Long {
			parts = 1
		}
		for part := range parts { // once cut, once damaged
			at := 16 + (len(data)-16)*(part+1)/6
			sameEvents(t, fmt.Sprintf("%s cut at %d", name, at), data[:at])
			damaged := bytes.Clone(data)
			damaged[at] ^= 0x55
			sameEvents(t, fmt.Sprintf("%s damaged at %d", name, at), damaged)
		}
	}
}

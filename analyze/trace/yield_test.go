package trace

import (
	"bytes"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
)

// Both decoders keep the stack of a goroutine that gives its processor up by itself.
func TestYieldsKeepTheirStacks(t *testing.T) {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		runtime.Gosched()
	}
	trace.Stop()
	for _, g := range generations(t, buf.Bytes()) {
		ours, ok := decodeWire(g, newShared(Options{}), nil)
		if !ok {
			t.Fatal("the generation cannot be decoded")
		}
		theirs, err := ordinary(g, newShared(Options{}), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, d := range map[string]*Generation{"our decoder": &ours, "the ordinary reader": &theirs} {
			own := 0
			for _, r := range d.records {
				// Goroutines of the runtime yield as well, its sweeper for instance.
				if s := d.Stacks[r.Stack]; r.Op == OpState && r.State == StateRunnable && s != nil {
					if !slices.ContainsFunc(s.Frames, yields) {
						t.Errorf("%s: another stack is kept: %+v", name, s.Frames)
					}
					if slices.ContainsFunc(s.Frames, func(f Frame) bool { return strings.HasSuffix(f.Function, ".TestYieldsKeepTheirStacks") }) {
						own++
					}
				}
			}
			if own < 100 {
				t.Errorf("%s: %d yields of the test have their stacks", name, own)
			}
		}
	}
}

// yields returns whether a frame is a function of the runtime that gives the processor up.
func yields(f Frame) bool {
	return f.Function == "runtime.Gosched" || f.Function == "runtime.goschedIfBusy"
}

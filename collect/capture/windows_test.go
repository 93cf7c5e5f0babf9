package capture

import (
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A capture of two windows is two captures with one case.
func TestWindows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{GoroutineBeforePart: "before", TracePart: "first", "trace-2.out": "second", "cpu-2.pb.gz": "profile"}
	for _, name := range []string{"cpu-2.pb.gz", "trace-2.out", GoroutineBeforePart, TracePart, ProbesPart} {
		f, err := w.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == ProbesPart {
			err = WriteProbes(f, Probe{Phase: Baseline, Start: 50, End: 60}, Probe{Phase: InWindow, Start: 110, End: 120}, Probe{Phase: InWindow, Start: 310, End: 320})
		} else {
			_, err = io.WriteString(f, content[name])
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		w.Manifest.AddPart(Part{Name: name})
	}
	w.Manifest.Windows = []OneWindow{{time.Unix(0, 100), Window{Start: 100, End: 200}}, {time.Unix(0, 300), Window{Start: 300, End: 400}}}
	w.Manifest.Window = w.Manifest.Windows[0].Window
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if want := []string{GoroutineBeforePart, TracePart, "trace-2.out", "cpu-2.pb.gz", ProbesPart}; !slices.Equal(c.Parts(), want) {
		t.Errorf("the parts are %q, want %q", c.Parts(), want)
	}
	views, of := AllWindows([]*Capture{c})
	if len(views) != 2 || !slices.Equal(of, []int{0, 0}) {
		t.Fatalf("there are %d windows of %v", len(views), of)
	}
	for i, view := range views {
		trace, err := view.Trace()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(trace)
		if want := []string{"first", "second"}[i]; err != nil || string(got) != want || view.TraceSize() != int64(len(want)) {
			t.Errorf("the trace of window %d is %q of %d bytes (%v), want %q", i+1, got, view.TraceSize(), err, want)
		}
		probes, err := view.Probes()
		if err != nil || len(probes) != 2-i {
			t.Errorf("window %d has %d probes (%v)", i+1, len(probes), err)
		}
		whole, _ := c.Case()
		if name, err := view.Case(); err != nil || name != whole {
			t.Errorf("the case of window %d is %q, that of the capture %q", i+1, name, whole)
		}
		if view.Manifest().Window.Start != c.Manifest().Windows[i].Start || slices.Contains(view.Parts(), "trace-2.out") {
			t.Errorf("window %d: %+v, %q", i+1, view.Manifest().Window, view.Parts())
		}
	}
	if _, err := views[0].Part(CPUPart); err == nil {
		t.Error("the first window has the second one's CPU profile")
	}
}

func TestPartNames(t *testing.T) {
	for _, c := range []struct {
		kind   string
		window int
		name   string
	}{{TracePart, 1, "trace.out"}, {TracePart, 2, "trace-2.out"}, {CPUPart, 12, "cpu-12.pb.gz"}} {
		name := PartName(c.kind, c.window)
		kind, window := windowOf(name)
		if name != c.name || kind != c.kind || window != c.window {
			t.Errorf("window %d of %s is %q, which is window %d of %s", c.window, c.kind, name, window, kind)
		}
	}
	for _, name := range []string{GoroutineBeforePart, "trace-1.out", "trace-02.out", "trace-100.out", "other", "trace-2x.out"} {
		if kind, window := windowOf(name); kind != name || window != 1 {
			t.Errorf("%s is window %d of %s", name, window, kind)
		}
	}
	if _, ok := KindOf("probes-2.jsonl"); ok {
		t.Error("probes of a second window are declared")
	}
}

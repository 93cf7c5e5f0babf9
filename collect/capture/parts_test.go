package capture_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"timesink/collect/capture"
)

func TestEachKindIsFullyDeclared(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range capture.Kinds() {
		if k.Name == "" || k.What == "" || k.Content == "" || k.Use == "" || seen[k.Name] {
			t.Errorf("incomplete or duplicate declaration: %+v", k)
		}
		seen[k.Name] = true
		if !slices.Contains([]capture.When{capture.Before, capture.During, capture.After}, k.When) {
			t.Errorf("%s is taken at an unknown time, %q", k.Name, k.When)
		}
		if got, ok := capture.KindOf(k.Name); !ok || got != k {
			t.Errorf("%s is found as %+v", k.Name, got)
		}
	}
	if k, ok := capture.KindOf("notes.txt"); ok {
		t.Errorf("an unknown part is %+v", k)
	}
}

func TestPartsAreListedInTheOrderOfTheirKinds(t *testing.T) {
	var m capture.Manifest
	var want []string
	kinds := capture.Kinds()
	for i := range kinds {
		want = append(want, kinds[i].Name)
		m.AddPart(capture.Part{Name: kinds[len(kinds)-1-i].Name})
	}
	var got []string
	for _, p := range m.Parts {
		got = append(got, p.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// testdata/recorded.zip was collected before parts were declared as Kinds.
func TestAnOldCaptureCanBeRead(t *testing.T) {
	c := open(t, filepath.Join("testdata", "recorded.zip"))
	want := []string{"goroutine-before.pb.gz", "trace.out", "cpu.pb.gz", "probes.jsonl", "goroutine-after.pb.gz"}
	if got := c.Parts(); !slices.Equal(got, want) {
		t.Errorf("the parts are %v, want %v", got, want)
	}
	for _, name := range c.Parts() {
		r, err := c.Part(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
		r.Close()
	}
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("reading it gives warnings %v", w)
	}
	if probes, err := c.Probes(); err != nil || len(probes) != 29 {
		t.Errorf("%d probes, %v", len(probes), err)
	}
	if name := caseOf(t, c); name != "ts-4ea71b0bc9eb" {
		t.Errorf("its case is %s", name)
	}
}

func TestACaptureWithoutATraceOpens(t *testing.T) {
	const probe = `{"route":"GET /"}` + "\n"
	for _, tt := range []struct {
		name  string
		zip   []byte
		holds string
	}{
		{"nothing at all", zipped("manifest.json", manifest(``)), ""},
		{"a trace that the manifest does not list", zipped("manifest.json", manifest(``), "trace.out", "x"), ""},
		{"a trace that is listed but missing", zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out","size":1}]`)), ""},
		{"a known and an unknown part", zipped("manifest.json", manifest(`,"parts":[{"name":"probes.jsonl","size":18},{"name":"notes.txt","size":2}]`),
			"probes.jsonl", probe, "notes.txt", "hi"), "probes.jsonl (probes, as the client saw them), notes.txt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := capture.Read("test", bytes.NewReader(tt.zip))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Trace()
			checkError(t, err, capture.ErrNoTrace, "open trace.out in test: ", "no execution trace", "collect again")
			if _, err := c.Part(capture.TracePart); !errors.Is(err, capture.ErrNoPart) {
				t.Errorf("the part: %v", err)
			}
			if size := c.TraceSize(); size != -1 {
				t.Errorf("the missing trace has %d bytes", size)
			}
			if got := strings.Join(c.Holdings(), ", "); got != tt.holds {
				t.Errorf("holdings %q, want %q", got, tt.holds)
			}
			if probes, err := c.Probes(); err != nil || len(probes) != strings.Count(tt.holds, "(probes") {
				t.Errorf("probes %v, %v", probes, err)
			}
			if _, err := c.Case(); err != nil {
				t.Error(err)
			}
		})
	}
}

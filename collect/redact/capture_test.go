package redact_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"

	"timesink/collect/capture"
	"timesink/collect/redact"
)

// small returns a trace of this process.
var small = sync.OnceValue(func() []byte {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		panic(err)
	}
	trace.Log(context.Background(), "category", "message")
	trace.Stop()
	return buf.Bytes()
})

// profiled returns a goroutine profile of this process.
func profiled(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// captured writes the parts and the manifest of an unfinished capture.
func captured(t *testing.T, m capture.Manifest, parts map[string][]byte) *capture.Writer {
	t.Helper()
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	w.Manifest = m
	for name, data := range parts {
		if m.Part(name) == nil {
			w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: name})
		}
		if err := os.WriteFile(filepath.Join(w.Dir(), name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Save(); err != nil {
		t.Fatal(err)
	}
	return w
}

func opened(t *testing.T, path string) *capture.Capture {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// public returns the redacted capture and the masked items.
func public(t *testing.T, c *capture.Capture) (*capture.Capture, []redact.Item) {
	t.Helper()
	w, err := capture.Create(filepath.Join(t.TempDir(), "public.zip"))
	if err != nil {
		t.Fatal(err)
	}
	items, err := redact.Capture(t.Context(), c, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return opened(t, w.Path()), items
}

func TestNoStringOfAManifestOrAProbeEscapes(t *testing.T) {
	const private = "/home/jane/x"
	var m capture.Manifest
	var p capture.Probe
	for _, v := range []any{&m, &p} {
		fill(reflect.ValueOf(v).Elem(), private)
	}
	m.Parts = append(m.Parts[:1], capture.Part{Name: capture.TracePart})
	m.Parts[0].Name = capture.ProbesPart
	var probes bytes.Buffer
	if err := capture.WriteProbes(&probes, p); err != nil {
		t.Fatal(err)
	}
	w := captured(t, m, map[string][]byte{capture.TracePart: small(), capture.ProbesPart: probes.Bytes()})
	c, items := public(t, opened(t, w.Dir()))
	got, err := c.Probes()
	if err != nil || len(got) != 1 {
		t.Fatalf("%d probes, %v", len(got), err)
	}
	for what, v := range map[string]any{"manifest": c.Manifest(), "probe": got[0]} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "jane") || !strings.Contains(string(text), "/[home]/x") {
			t.Errorf("the %s is %s", what, text)
		}
	}
	if len(items) == 0 || items[0].Part != capture.ManifestName || items[0].Value != "/home/jane" {
		t.Errorf("the items are %v", items)
	}
}

// fill sets every string to text and gives every slice one element.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Map, reflect.Array, reflect.Interface:
		panic("the mask does not reach into a " + v.Kind().String())
	}
}

func TestPartsThatCannotBeMaskedAreLeftOut(t *testing.T) {
	w := captured(t, capture.Manifest{}, map[string][]byte{
		capture.TracePart: small(), capture.CPUPart: profiled(t)[:90], capture.GoroutineAfterPart: profiled(t), "notes.txt": []byte("/home/jane")})
	w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: capture.GoroutineBeforePart, Error: "HTTP 500 from /home/jane"})
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	c, _ := public(t, opened(t, w.Path()))
	for name, want := range map[string]string{
		capture.TracePart: "", capture.GoroutineAfterPart: "",
		capture.CPUPart:             "left out, because it cannot be read",
		"notes.txt":                 "left out, because this timesink does not know",
		capture.GoroutineBeforePart: "HTTP 500 from /[home]",
	} {
		r, err := c.Part(name)
		if (err == nil) != (want == "") || err != nil && !errors.Is(err, capture.ErrNoPart) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			r.Close()
		}
		if p := c.Manifest().Part(name); p == nil || !strings.HasPrefix(p.Error, want) || (p.Error == "") != (want == "") {
			t.Errorf("%s has the entry %+v", name, p)
		}
	}
}

func TestEachKindOfPartIsMasked(t *testing.T) {
	var probes bytes.Buffer
	if err := capture.WriteProbes(&probes, capture.Probe{Route: "GET /", Error: "read /home/jane/x"}); err != nil {
		t.Fatal(err)
	}
	const samples = `{"stack":{"frames":[{"f":"main.f","p":"/home/jane/f.go","l":3}]}}
{"snapshot":{"at_ns":1,"took_ns":2,"form":"text","goroutines":[{"s":0,"i":1,"w":"select"}]}}
`
	of := map[capture.Content][]byte{capture.LinesContent: []byte(`{"endpoint":"main.get","changes":[{"at":"/home/jane/f.go:3"}]}` + "\n"), capture.SamplesContent: []byte(samples), capture.TraceContent: small(), capture.ProfileContent: profiled(t), capture.ProbesContent: probes.Bytes()}
	for _, kind := range capture.Kinds() {
		data, ok := of[kind.Content]
		if !ok {
			t.Errorf("%s: this test has no %s to mask", kind.Name, kind.Content)
			continue
		}
		w := captured(t, capture.Manifest{}, map[string][]byte{kind.Name: data})
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		c, _ := public(t, opened(t, w.Path()))
		if p := c.Manifest().Part(kind.Name); p == nil || p.Error != "" || p.Size == 0 {
			t.Errorf("%s is entered as %+v", kind.Name, p)
		}
	}
}

// The checksums are those of the decompressed parts, as masked by the version
// before Kinds were declared.
func TestAnOldCaptureIsMaskedAsBefore(t *testing.T) {
	c, items := public(t, opened(t, filepath.Join("..", "capture", "testdata", "recorded.zip")))
	if got := redact.Summary(items); got != "2 query strings (2 times), 2 values (29 times)" {
		t.Errorf("masked %s", got)
	}
	want := map[string]string{
		capture.GoroutineBeforePart: "b027d21478c37a93717b63c45b5e08ee13ee8d351ac6f49f5f5db59f5b27ad21",
		capture.TracePart:           "6ad2a9b3c113d426d7397daa91484a15a66903fe14e8e1ced316b6c8ab826d19",
		capture.CPUPart:             "0df881fc2827a71797a780cc1cece5da5d599985322f4fbef9fef89a68722b84",
		capture.ProbesPart:          "9760b8de223940a1ec1a2a83e207d54e949ed1c7ce28fb8b301b38593ffd3128",
		capture.GoroutineAfterPart:  "dc46b3249a39a7b418acf76f86fb5287b3f3c632d558c7ef65a8f4ee78c258f6",
	}
	if got := c.Parts(); len(got) != len(want) {
		t.Errorf("the parts are %v", got)
	}
	for name, sum := range want {
		if got := unpackedSum(t, c, name); got != sum {
			t.Errorf("%s has the checksum %s", name, got)
		}
	}
}

// unpackedSum returns the checksum of a decompressed part, because versions of
// Go compress differently.
func unpackedSum(t *testing.T, c *capture.Capture, name string) string {
	t.Helper()
	r, err := c.Part(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	plain := io.Reader(r)
	if strings.HasSuffix(name, ".gz") {
		if plain, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, plain); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func TestRedactionKeepsTheCase(t *testing.T) {
	w := captured(t, capture.Manifest{Target: "http://shop:6060"}, map[string][]byte{capture.TracePart: small()})
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), "trace.out")
	if err := os.WriteFile(bare, small(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{w.Path(), bare} {
		original := opened(t, path)
		once, _ := public(t, original)
		twice, items := public(t, once)
		if len(items) > 0 {
			t.Errorf("%s: a second redaction masked %v", path, items)
		}
		want, err := original.Case()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*capture.Capture{once, twice} {
			if got, err := c.Case(); err != nil || got != want {
				t.Errorf("%s: the case %s became %s, %v", path, want, got, err)
			}
		}
	}
}

func TestAnInterruptedRedactionIsAnError(t *testing.T) {
	w := captured(t, capture.Manifest{}, map[string][]byte{capture.TracePart: small()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redact.Private(ctx, opened(t, w.Dir())); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}

func TestWriteListIsReadable(t *testing.T) {
	var out bytes.Buffer
	err := redact.WriteList(&out, []redact.Item{
		{Part: capture.ManifestName, Kind: redact.Host, Value: "pprof.acme.example", Count: 3},
		{Part: capture.ManifestName, Kind: redact.Home, Value: "/home/jane", Count: 12},
		{Part: capture.TracePart, Kind: redact.Value, Value: "line\nand \x1b[2J" + strings.Repeat("x", 200), Count: 1},
	})
	want := `manifest.json
  host name       3×   pprof.acme.example
  home directory  12×  /home/jane
trace.out
  value  1×  line\nand \x1b[2J` + strings.Repeat("x", 82) + `…

Names of functions, import paths, line numbers and times are not masked: they are the answer.
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	if got := redact.Summary([]redact.Item{{Kind: redact.Home, Value: "/root", Count: 2}, {Kind: redact.Address, Value: "a", Count: 1}, {Kind: redact.Address, Value: "b", Count: 1}}); got != "2 addresses (2 times), 1 home directory (2 times)" {
		t.Error(got)
	}
}

package capture_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"timesink/collect/bounded/boundedtest"
	"timesink/collect/capture"
)

// FuzzOpen checks that opening and reading an arbitrary file as a capture
// never panics, hangs, or fails without a proper error.
func FuzzOpen(f *testing.F) {
	trace := realTrace()[:64]
	parts := manifest(`,"parts":[{"name":"trace.out","size":64},{"name":"probes.jsonl","size":99}]`)
	for _, seed := range [][]byte{
		nil, trace, gzipped(trace), gzipped(trace)[:30], realProfile(), []byte("<html>"), []byte(`{"a":1}`),
		zipped(), zipped("manifest.json", parts), zipped("manifest.json", parts, "trace.out", string(trace), "probes.jsonl", "{}\n"),
		zipped("manifest.json", `{"schema":"timesink.capture/2"}`), zipped("manifest.json/", "", "trace.out/", ""),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// A zip or a gzip may unpack to a thousand times its size.
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 16 << 20, PerByte: 8 << 10}, func() { openAll(t, data) })
	})
}

// openAll opens a capture and reads all of it.
func openAll(t *testing.T, data []byte) {
	t.Helper()
	c, err := capture.Read("fuzz", bytes.NewReader(data))
	if err != nil {
		var e *capture.Error
		if !errors.As(err, &e) || e.Op == "" {
			t.Fatalf("error %v does not state the operation", err)
		}
		return
	}
	defer c.Close()
	for _, name := range append(c.Parts(), capture.TracePart) {
		r, err := c.Part(name)
		if name == capture.TracePart {
			r, err = c.Trace()
		}
		if err != nil {
			continue
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		if m := c.Manifest(); m != nil && n > m.Part(name).Size {
			t.Errorf("%s gave %d bytes, the manifest states %d", name, n, m.Part(name).Size)
		}
		_ = err
		r.Close()
	}
	c.Probes()
	c.Warnings()
}

// FuzzReadProbes checks that probes survive being written and read again.
func FuzzReadProbes(f *testing.F) {
	var buf bytes.Buffer
	if err := capture.WriteProbes(&buf, probes...); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:buf.Len()-5])
	f.Add([]byte("\n\n"))
	f.Add([]byte("null\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first []capture.Probe
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 4 << 20, PerByte: 1 << 10}, func() { first, _ = capture.ReadProbes(bytes.NewReader(data)) })
		var buf bytes.Buffer
		if err := capture.WriteProbes(&buf, first...); err != nil {
			t.Fatal(err)
		}
		second, err := capture.ReadProbes(&buf)
		if err != nil || len(second) != len(first) {
			t.Fatalf("%d probes, then %d, %v", len(first), len(second), err)
		}
		for i := range first {
			if !reflect.DeepEqual(first[i], second[i]) {
				t.Fatalf("probe %d: %+v, then %+v", i, first[i], second[i])
			}
		}
	})
}

package redact_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"runtime/trace"
	"strings"
	"testing"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/bounded/boundedtest"
	"timesink/collect/capture"
	"timesink/collect/redact"
)

// recorded returns real traces of all versions: those of services, and the small
// ones from the tests of the decoder.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	traces := map[string][]byte{}
	for _, pattern := range []string{"../../cmd/internal/goversions/testdata/*.trace.gz", "../../analyze/trace/testdata/*.trace.gz"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no traces in %s: %v", pattern, err)
		}
		for _, file := range files {
			if !tracetest.Long && strings.HasPrefix(filepath.Base(file), "http2-") {
				continue // the largest; a similar one is in the list
			}
			traces[filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(file)] = tracetest.Unzipped(t, file)
		}
	}
	return traces
}

// rewritten returns the trace with text and message applied to its strings.
func rewritten(t testing.TB, data []byte, text, message func(string) string) []byte {
	t.Helper()
	var out bytes.Buffer
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	if err := redact.RewriteTrace(context.Background(), &out, open, text, message); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func same(text string) string { return text }

func TestMasksThatChangeNothingKeepTheBytes(t *testing.T) {
	for name, data := range recorded(t) {
		if got := rewritten(t, data, same, same); !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes became %d different ones", name, len(data), len(got))
		}
	}
}

func TestAllStringsOfATraceAreSeen(t *testing.T) {
	for name, data := range recorded(t) {
		got := rewritten(t, data, func(text string) string { return strings.Repeat("x", len(text)) }, func(text string) string { return strings.Repeat("y", len(text)) })
		if len(got) != len(data) {
			t.Errorf("%s: %d bytes became %d", name, len(data), len(got))
		}
		for _, word := range []string{"runtime.", "net/http", ".go", "/usr", "steps/work", "clock"} {
			if bytes.Contains(got, []byte(word)) {
				t.Errorf("%s still holds %s", name, word)
			}
		}
	}
}

type here struct{} // its package path is this package's

// TestOnlyMessagesAreMaskedAsAWhole logs under a category, in a region of a task,
// and checks that only the message is masked as a whole.
func TestOnlyMessagesAreMaskedAsAWhole(t *testing.T) {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	ctx, task := trace.NewTask(context.Background(), "a task")
	trace.WithRegion(ctx, "a region", func() { trace.Log(ctx, "a category", "a message") })
	task.End()
	trace.Stop()
	var texts, messages []string
	rewritten(t, buf.Bytes(), func(text string) string { texts = append(texts, text); return text },
		func(text string) string { messages = append(messages, text); return text })
	here := reflect.TypeFor[here]().PkgPath()
	for _, name := range []string{"a task", "a region", "a category", here + ".TestOnlyMessagesAreMaskedAsAWhole.func1"} {
		if !contains(texts, name) {
			t.Errorf("%q was not treated as a name", name)
		}
	}
	if !contains(messages, "a message") {
		t.Errorf("the message was not found among %q", messages)
	}
	for _, text := range messages {
		if strings.Contains(text, ".go") || strings.Contains(text, "runtime.") {
			t.Errorf("%q was treated as a message", text)
		}
	}
}

func contains(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

func TestStringsMayGrowBeyondABatch(t *testing.T) {
	for name, data := range recorded(t) {
		long := rewritten(t, data, func(text string) string { return text + strings.Repeat("z", 700) }, same)
		back := rewritten(t, long, func(text string) string { return strings.TrimSuffix(text, strings.Repeat("z", 700)) }, same)
		// A batch that was split stays split, so the sizes differ a little.
		if len(back) < len(data) || len(back) > len(data)+len(data)/10 {
			t.Errorf("%s: %d bytes became %d, then %d", name, len(data), len(long), len(back))
		}
	}
}

func TestATraceOfAnUnknownVersionIsAnError(t *testing.T) {
	data := []byte("go 1.99 trace\x00\x00\x00and more")
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	var out bytes.Buffer
	err := redact.RewriteTrace(t.Context(), &out, open, same, same)
	if !errors.Is(err, redact.ErrVersion) || capture.Hint(err) == "" || out.Len() > 0 {
		t.Errorf("%d bytes, %v (%s)", out.Len(), err, capture.Hint(err))
	}
}

// TestACutTraceEndsWhereItDid cuts traces at every offset and checks that the copy
// has the same length and contains nothing of a string that was cut.
func TestACutTraceEndsWhereItDid(t *testing.T) {
	for name, data := range recorded(t) {
		if strings.HasPrefix(name, "goversions") && !strings.Contains(name, "go1.21") {
			continue // the small ones suffice
		}
		for at := 16; at < len(data); at += 1 + len(data)/50 {
			got := rewritten(t, data[:at], same, same)
			if len(got) > at+1 || len(got) < at-70_000 {
				t.Fatalf("%s cut at %d has %d bytes", name, at, len(got))
			}
			if !bytes.HasPrefix(data, got[:max(16, len(got)-70_000)]) {
				t.Fatalf("%s cut at %d became another trace", name, at)
			}
		}
	}
}

// FuzzTrace checks that rewriting a trace never panics, that the result can be
// rewritten again, that masks that change nothing keep complete data unchanged,
// and that a masked trace can be read as far as the original.
func FuzzTrace(f *testing.F) {
	for _, data := range recorded(f) {
		f.Add(data[:min(len(data), 4000)])
		f.Add(append(data[:16:16], data[len(data)-min(len(data)-16, 3000):]...))
	}
	f.Add([]byte("go 1.22 trace\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		var out bytes.Buffer
		var err error
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 32 << 20, PerByte: 4 << 10}, func() {
			out.Reset()
			err = redact.RewriteTrace(t.Context(), &out, open, same, same)
		})
		if err != nil {
			if !errors.Is(err, redact.ErrVersion) && !errors.Is(err, capture.ErrNotTrace) {
				t.Fatal(err)
			}
			return
		}
		once := out.Bytes()
		if again := rewritten(t, once, same, same); !bytes.Equal(again, once) {
			t.Errorf("%d bytes became %d, and then %d different ones", len(data), len(once), len(again))
		}
		sameEvents(t, "the input", data)
	})
}

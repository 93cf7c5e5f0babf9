package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	xtrace "golang.org/x/exp/trace"
)

// benchTrace returns the trace that TIMESINK_BIG_TRACE names, or else one recorded for this
// run. Only the figures per event can be compared between runs.
func benchTrace(b *testing.B) []byte {
	b.Helper()
	file := os.Getenv("TIMESINK_BIG_TRACE")
	if file == "" {
		return recorded(b, time.Second, 0, "")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkSplit splits a trace into generations.
func BenchmarkSplit(b *testing.B) {
	data := benchTrace(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := newSplitter(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = s.generation()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode decodes the largest generation: with a bare loop over the ordinary reader's
// events, with the ordinary reader, and with this package's decoder.
func BenchmarkDecode(b *testing.B) {
	g := slices.MaxFunc(generations(b, benchTrace(b)), func(a, b encoded) int { return len(a.data) - len(b.data) })
	bare := func(g encoded, _ *shared, _ *store) (d Generation, err error) {
		r, err := xtrace.NewReader(bytes.NewReader(g.data))
		for err == nil {
			_, err = r.ReadEvent()
			d.Events++
		}
		if err == io.EOF {
			err = nil
		}
		return d, err
	}
	own := func(g encoded, c *shared, s *store) (Generation, error) {
		d, ok := decodeWire(g, c, s)
		if !ok {
			return d, fmt.Errorf("not decoded")
		}
		return d, nil
	}
	for _, bench := range []struct {
		name   string
		decode func(encoded, *shared, *store) (Generation, error)
	}{{"bare", bare}, {"reader", ordinary}, {"own", own}} {
		b.Run(bench.name, func(b *testing.B) {
			c, s := newShared(Options{}), newStore(b.Context())
			var d Generation
			for b.Loop() {
				var err error
				if d, err = bench.decode(g, c, s); err != nil {
					b.Fatal(err)
				}
				d.release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(d.Events), "ns/event")
		})
	}
}

// BenchmarkReader reads a trace from its bytes to its records.
func BenchmarkReader(b *testing.B) {
	data := benchTrace(b)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			var events int64
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(data), Options{Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				events = 0
				for g := range r.Generations(context.Background()) {
					events += g.Events
				}
				if err := r.Err(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
		})
	}
}

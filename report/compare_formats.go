package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"timesink/analyze/breakdown"
)

// CompareJSON writes a comparison in the schema named by breakdown.CompareSchema.
// Times, arrays and escapes are as in JSON.
func CompareJSON(w io.Writer, c *breakdown.Comparison) error {
	n := *WordedComparison(c)
	n.Endpoints, n.Undecided = copied(c.Endpoints), copied(c.Undecided)
	for i := range n.Endpoints {
		e := &n.Endpoints[i]
		e.Wall, e.Buckets, e.Disturbances = copied(e.Wall), copied(e.Buckets), copied(e.Disturbances)
		for j := range e.Buckets {
			b := &e.Buckets[j]
			b.Phases, b.Sites, b.Parts = copied(b.Phases), copied(b.Sites), copied(b.Parts)
		}
	}
	return writeJSON(w, &n, "the comparison")
}

// CompareBench writes, for each capture of both sides, one line per endpoint in Go's
// benchmark format. The key "side" tells the sides apart, so that
//
//	benchstat -col /side FILE
//
// compares them. A line's iteration count is its number of requests.
func CompareBench(w io.Writer, before, after *breakdown.Breakdown) error {
	var out bytes.Buffer
	for i, b := range []*breakdown.Breakdown{before, after} {
		side := []string{"before", "after"}[i]
		for j := range b.Endpoints {
			e := &b.Endpoints[j]
			captures := make([]int, 0, len(e.Series))
			for c := range e.Series {
				captures = append(captures, c)
			}
			slices.Sort(captures)
			for _, c := range captures {
				benchLine(&out, "Benchmark"+benchName(e)+"/side="+side, e.Series[c])
			}
		}
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("writing the benchmark lines: %w", err)
	}
	return nil
}

func benchLine(out *bytes.Buffer, name string, s *breakdown.Series) {
	n, wall := int64(0), int64(0)
	var walls []int64
	var buckets [breakdown.NumBuckets]int64
	for i := range s.Blocks {
		b := &s.Blocks[i]
		n += b.Requests
		wall += b.Wall
		walls = append(walls, b.Walls...)
		for k, t := range b.Buckets {
			buckets[k] += t
		}
	}
	if n == 0 {
		return
	}
	slices.Sort(walls)
	at := func(percent int) int64 { return walls[(len(walls)*percent+99)/100-1] }
	fmt.Fprintf(out, "%s\t%d\t%d ns/op\t%d p50-ns\t%d p95-ns\t%d p99-ns", name, n, wall/n, at(50), at(95), at(99))
	for b, t := range buckets {
		if t > 0 {
			fmt.Fprintf(out, "\t%d %s-ns/op", t/n, breakdown.Bucket(b))
		}
	}
	out.WriteByte('\n')
}

// benchName returns an endpoint's name as a benchmark's: it begins with an upper-case
// letter and contains no space.
func benchName(e *breakdown.Endpoint) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, title(e))
	if r := []rune(name); len(r) > 0 && unicode.IsUpper(r[0]) {
		return name
	}
	return "Endpoint:" + name
}

package engines

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/report/rows"
	"timesink/report/rows/parquet"
)

// specimens returns the requests of recorded captures.
func specimens(t testing.TB, names ...string) (list []breakdown.Listed, b *breakdown.Breakdown) {
	t.Helper()
	for _, name := range names {
		c, err := capture.Open(filepath.Join(recorded, name+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		l, of, err := analyze.NewListing(t.Context(), []*capture.Capture{c}, analyze.Options{})
		if err == nil {
			b = of
			err = l.Each(t.Context(), func(r *breakdown.Listed) error {
				one, request := *r, *r.Request
				request.Path, request.Calls = append([]breakdown.Segment{}, r.Request.Path...), append([]breakdown.Call{}, r.Request.Calls...)
				one.Request = &request
				list = append(list, one)
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return list, b
}

// A crowd makes requests like recorded ones without end: their steps take other times, and
// they follow one another at some thousands a second.
type crowd struct {
	from []breakdown.Listed
	rng  *rand.Rand
	at   int64
	made breakdown.Request
}

func (c *crowd) next() *breakdown.Listed {
	l := c.from[c.rng.IntN(len(c.from))]
	from := l.Request
	c.made = *from
	c.made.Path = append(c.made.Path[:0:0], from.Path...)
	c.at += int64(c.rng.ExpFloat64() * 100_000)
	c.made.Start, c.made.Goroutine = c.at, 20+c.rng.Int64N(400)
	at, factor := c.at, math.Exp(c.rng.NormFloat64()/2)
	for i := range c.made.Path {
		s := &c.made.Path[i]
		took := int64(float64(s.End-s.Start) * factor)
		s.Start, s.End = at, at+took
		at += took
	}
	c.made.End = at
	l.Request = &c.made
	return &l
}

// TestTenMillionRows prints what ten million rows of requests take: to write, on disk, and
// to query.
func TestTenMillionRows(t *testing.T) {
	if !*whole {
		t.Skip("takes minutes: -whole")
	}
	dir := t.TempDir()
	from, b := specimens(t, "four-calls", "query-per-item", "cache-misses", "row-lock", "no-keep-alive")
	const cases = 20
	var bytes, wall int64
	var spent time.Duration
	for k := range cases {
		of := *b
		of.Source.Case = fmt.Sprintf("ts-%012x", k)
		about := rows.About{Service: "checkout", Instance: fmt.Sprintf("pod-%d", k), Labels: map[string]string{"version": fmt.Sprintf("1.%d", 4+k%2)}}
		m := rows.NewMaker(&of, about, "", nil, rows.Requests)
		file := filepath.Join(dir, filepath.FromSlash(m.Path(rows.Requests, "parquet")))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w, err := parquet.NewWriter(out, rows.Requests)
		if err != nil {
			t.Fatal(err)
		}
		c := &crowd{from: from, rng: rand.New(rand.NewPCG(uint64(k), 1)), at: from[0].Request.Start}
		var batch rows.Batch
		began := time.Now()
		for range *rowCount / cases {
			l := c.next()
			if !l.Request.Incomplete {
				wall += l.Request.Wall()
			}
			if m.Request(l, &batch); batch.Len() == 4096 {
				if err := w.Write(&batch); err != nil {
					t.Fatal(err)
				}
				batch.Reset()
			}
		}
		if err := w.Write(&batch); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		spent += time.Since(began)
		info, err := out.Stat()
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
		out.Close()
	}
	n := *rowCount / cases * cases
	fmt.Printf("%d rows of requests: made and written in %.1f s, %.1f MB, %.1f bytes a row\n", n, spent.Seconds(), float64(bytes)/1e6, float64(bytes)/float64(n))
	db := openTables(t, dir, "requests")
	if got := ask(t, db, "SELECT sum(wall_ns)::BIGINT FROM requests WHERE NOT incomplete"); got[0][0] != fmt.Sprint(wall) {
		t.Errorf("DuckDB's sum is %s, that of the requests %d", got[0][0], wall)
	}
	for _, name := range []string{"totals", "p99", "odd"} {
		text, began := query(t, "duckdb/"+name+".sql"), time.Now()
		found := ask(t, db, text)
		fmt.Printf("%s.sql in DuckDB, two threads: %.2f s, %d rows\n", name, time.Since(began).Seconds(), len(found))
	}
}

// TestThousandInstances exports the captures of many instances, of which one is odd, and asks
// the engines for it.
func TestThousandInstances(t *testing.T) {
	if !*whole {
		t.Skip("takes minutes: -whole")
	}
	dir, captures := t.TempDir(), t.TempDir()
	odd := *instances / 2
	for i := range *instances {
		trace := usual
		if i == odd {
			trace = slow
		}
		captured(t, trace, filepath.Join(captures, fmt.Sprintf("pod-%04d.zip", i)))
	}
	began := time.Now()
	for i := range *instances {
		pod := fmt.Sprintf("pod-%04d", i)
		timesink(t, "export", filepath.Join(captures, pod+".zip"), "-o", dir, "--service", "checkout", "--label", "instance="+pod, "--label", fmt.Sprintf("version=1.%d", 4+i%2))
	}
	took := time.Since(began)
	var size, files int64
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size, files = size+info.Size(), files+1
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%d instances: exported in %.0f s, %d files, %.1f MB\n", *instances, took.Seconds(), files, float64(size)/1e6)
	db := open(t, dir, "parquet")
	answers := []*breakdown.Breakdown{answer(t, filepath.Join(captures, fmt.Sprintf("pod-%04d.zip", odd)))}
	other := answer(t, filepath.Join(captures, "pod-0000.zip"))
	for range *instances - 1 {
		answers = append(answers, other)
	}
	checkTotals(t, ask(t, db, query(t, "duckdb/totals.sql")), totalsOf(answers...))
	for _, name := range []string{"totals", "odd", "p99", "slower"} {
		began := time.Now()
		found := ask(t, db, query(t, "duckdb/"+name+".sql"))
		fmt.Printf("%s.sql over %d instances in DuckDB, two threads: %.2f s, %d rows\n", name, *instances, time.Since(began).Seconds(), len(found))
		if name == "odd" && (len(found) == 0 || found[0][2] != fmt.Sprintf("pod-%04d", odd) || strings.Contains(fmt.Sprint(found[1:]), "pod-")) {
			t.Errorf("the odd instances are %v", found)
		}
	}
}

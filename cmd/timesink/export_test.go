package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

// exported exports files and returns what the command printed.
func exported(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"export"}, args...), strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("export %v: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.String()
}

// rowSums are sums over a capture's rows, as the report has them.
type rowSums struct {
	requests, incomplete, wall, cut, segments, calls int64
	buckets                                          [breakdown.NumBuckets]int64
	byEndpoint                                       map[string]int64
}

// The rows of recorded captures sum to exactly what the report says, and exporting them
// again changes nothing.
func TestExportedRowsSumToTheReport(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"query-per-item", "no-keep-alive", "row-lock", "cold-start"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, dir := filepath.Join("testdata", "recorded", name+".zip"), t.TempDir()
			list := exported(t, file, "-f", "ndjson", "-o", dir)
			if n := strings.Count(list, "\n"); n != 6 {
				t.Errorf("%d files were written:\n%s", n, list)
			}
			got, want := sumsIn(t, dir), reported(t, file)
			if got.requests != want.requests || got.incomplete != want.incomplete || got.wall != want.wall || got.cut != want.cut || got.buckets != want.buckets {
				t.Errorf("the rows sum to\n%+v, the report says\n%+v", got, want)
			}
			for endpoint, wall := range want.byEndpoint {
				if got.byEndpoint[endpoint] != wall {
					t.Errorf("the rows of %s sum to %d ns, the report says %d", endpoint, got.byEndpoint[endpoint], wall)
				}
			}
			if got.segments != got.wall+got.cut {
				t.Errorf("the segments sum to %d ns, the requests to %d", got.segments, got.wall+got.cut)
			}
			if got.calls == 0 && name != "cold-start" {
				t.Error("there are no calls")
			}
			before := filesBelow(t, dir)
			if again := exported(t, file, "-f", "ndjson", "-o", dir); again != list {
				t.Errorf("exporting again wrote\n%s, not\n%s", again, list)
			}
			for path, info := range filesBelow(t, dir) {
				if old, ok := before[path]; !ok || !os.SameFile(info, old) || !info.ModTime().Equal(old.ModTime()) {
					t.Errorf("exporting again changed %s", path)
				}
			}
		})
	}
}

func filesBelow(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	files := map[string]os.FileInfo{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			files[path] = info
		}
		return err
	})
	if err != nil || len(files) != 6 {
		t.Fatalf("there are %d files in %s: %v", len(files), dir, err)
	}
	return files
}

// rowsIn calls each with the rows of a table.
func rowsIn(t *testing.T, dir, table string, each func(row map[string]any)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, table, "service=*", "date=*", "ts-*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the files of %s are %v: %v", table, files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for dec.More() {
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			t.Fatalf("%s: %v", files[0], err)
		}
		each(row)
	}
}

func sumsIn(t *testing.T, dir string) rowSums {
	t.Helper()
	number := func(row map[string]any, name string) int64 {
		n, err := row[name].(json.Number).Int64()
		if err != nil {
			t.Fatalf("%s is %v", name, row[name])
		}
		return n
	}
	s := rowSums{byEndpoint: map[string]int64{}}
	rowsIn(t, dir, "requests", func(row map[string]any) {
		wall := number(row, "wall_ns")
		if row["incomplete"] == true {
			s.incomplete, s.cut = s.incomplete+1, s.cut+wall
			return
		}
		s.requests, s.wall = s.requests+1, s.wall+wall
		s.byEndpoint[row["endpoint"].(string)+row["route"].(string)] += wall
		for b := range s.buckets {
			s.buckets[b] += number(row, breakdown.Bucket(b).String()+"_ns")
		}
	})
	rowsIn(t, dir, "segments", func(row map[string]any) { s.segments += number(row, "time_ns") })
	rowsIn(t, dir, "calls", func(map[string]any) { s.calls++ })
	cases := 0
	rowsIn(t, dir, "cases", func(row map[string]any) {
		cases++
		if number(row, "requests") != s.requests || number(row, "wall_ns") != s.wall || number(row, "db_ns") != s.buckets[breakdown.DB] {
			t.Errorf("the case's totals differ from its requests': %v", row)
		}
	})
	if cases != 1 {
		t.Errorf("there are %d cases", cases)
	}
	return s
}

func reported(t *testing.T, file string) rowSums {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"report", file, "-f", "json"}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var b breakdown.Breakdown
	if err := json.Unmarshal(stdout.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	s := rowSums{byEndpoint: map[string]int64{}}
	for _, e := range b.Endpoints {
		s.requests, s.incomplete = s.requests+e.Requests, s.incomplete+e.Incomplete
		s.wall, s.cut = s.wall+e.Wall.Total, s.cut+e.IncompleteTime
		s.byEndpoint[e.Name+e.Route] += e.Wall.Total
		for _, bucket := range e.Buckets {
			s.buckets[bucket.Bucket] += bucket.Total
		}
	}
	if s.requests == 0 {
		t.Fatal("the report has no requests")
	}
	return s
}

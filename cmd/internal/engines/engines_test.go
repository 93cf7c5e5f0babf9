package engines

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// The long parts are opt-in.
var (
	whole     = flag.Bool("whole", false, "export ten million rows, and a thousand instances")
	instances = flag.Int("instances", 1000, "how many instances to export with -whole")
	rowCount  = flag.Int("rows", 10_000_000, "how many rows to export with -whole")
)

var tool string // the command's path

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "engines-*")
	if err != nil {
		panic(err)
	}
	tool = filepath.Join(dir, "timesink")
	if out, err := exec.Command("go", "-C", root, "build", "-buildvcs=false", "-o", tool, "./cmd/timesink").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building timesink: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	root     = "../../.."
	recorded = root + "/cmd/timesink/testdata/recorded"
	traces   = root + "/cmd/internal/goversions/testdata"
	queries  = root + "/report/rows/sql"
)

// timesink runs the command and returns what it printed.
func timesink(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("timesink %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String()
}

// An instance is one of those that the queries are about: a recorded trace and its labels.
type instance struct{ trace, name, version string }

// fleet are instances of one service in two versions. The traces are of one service too: on
// one of the machines it ran emulated.
var fleet = []instance{
	{usual, "pod-1", "1.4"}, {usual, "pod-2", "1.4"}, {usual, "pod-3", "1.4"}, {usual, "pod-4", "1.5"}, {slow, "pod-5", "1.5"},
}

const usual, slow = "go1.26", "go1.26-arm64"

// exportFleet writes the rows of the fleet. It returns their folder, and the answers of the
// report.
func exportFleet(t testing.TB, format string) (dir string, answers []*breakdown.Breakdown) {
	t.Helper()
	dir, captures := t.TempDir(), t.TempDir()
	for _, i := range fleet {
		file := captured(t, i.trace, filepath.Join(captures, i.name+".zip"))
		timesink(t, "export", file, "-f", format, "-o", dir, "--service", "checkout", "--label", "instance="+i.name, "--label", "version="+i.version)
		answers = append(answers, answer(t, file))
	}
	// Another service, whose capture has CPU samples.
	other := filepath.Join(recorded, "query-per-item.zip")
	timesink(t, "export", other, "-f", format, "-o", dir, "--label", "version=2.0")
	return dir, append(answers, answer(t, other))
}

// captured writes a capture of a recorded trace that is a case of its own: it holds its name
// as a further part. It returns the capture's name.
func captured(t testing.TB, trace, to string) string {
	t.Helper()
	c, err := capture.Open(filepath.Join(traces, trace+".trace.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from, err := c.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	w, err := capture.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w.Manifest.Target = "http://10.0.0.1:6060"
	w.Manifest.CapturedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	w.Manifest.Window.Start = w.Manifest.CapturedAt.UnixNano()
	addPart(t, w, capture.TracePart, from)
	addPart(t, w, "instance.txt", strings.NewReader(filepath.Base(to)))
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return to
}

// answer returns the answer of the report for a capture, in JSON.
func answer(t testing.TB, file string) *breakdown.Breakdown {
	t.Helper()
	var b breakdown.Breakdown
	if err := json.Unmarshal([]byte(timesink(t, "report", file, "-f", "json")), &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

// query returns one of the documented queries.
func query(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(queries, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func addPart(t testing.TB, w *capture.Writer, name string, content io.Reader) {
	t.Helper()
	part, err := w.CreatePart(name)
	if err == nil {
		_, err = io.Copy(part, content)
		err = errors.Join(err, part.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: name})
}

// A total is the sums of one endpoint, as the queries totals.sql give them.
type total struct {
	endpoint, route, kind string
	requests, wall        int64
	buckets               [breakdown.NumBuckets]int64
}

// totalsOf returns the totals of endpoints over answers.
func totalsOf(answers ...*breakdown.Breakdown) map[[3]string]total {
	all := map[[3]string]total{}
	for _, b := range answers {
		for _, e := range b.Endpoints {
			key := [3]string{e.Name, e.Route, e.Kind}
			s := all[key]
			s.endpoint, s.route, s.kind = e.Name, e.Route, e.Kind
			s.requests, s.wall = s.requests+e.Requests, s.wall+e.Wall.Total
			for _, t := range e.Buckets {
				s.buckets[t.Bucket] += t.Total
			}
			if s.requests > 0 {
				all[key] = s
			}
		}
	}
	return all
}

// checkTotals compares the rows of a query totals.sql, as text, with the report's answers.
func checkTotals(t testing.TB, got [][]string, want map[[3]string]total) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Errorf("the engine has totals of %d endpoints, the report of %d", len(got), len(want))
	}
	for _, row := range got {
		w := want[[3]string{row[0], row[1], row[2]}]
		numbers := append([]int64{w.requests, w.wall}, w.buckets[:]...)
		for i, n := range numbers {
			if row[3+i] != strconv.FormatInt(n, 10) {
				t.Errorf("%s: column %d is %s, the report says %d", row[0], 3+i, row[3+i], n)
			}
		}
	}
}

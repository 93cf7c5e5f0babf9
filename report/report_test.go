package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"timesink/analyze/breakdown"
	"timesink/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./report -update rewrites it); now:\n%s", path, got)
	}
}

func text(t *testing.T, b *breakdown.Breakdown, o report.TextOptions) string {
	t.Helper()
	var buf bytes.Buffer
	if err := report.Text(&buf, b, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestFixturesSatisfyCheck(t *testing.T) {
	for name, fixture := range fixtures {
		if err := fixture().Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGoldens(t *testing.T) {
	for name, fixture := range fixtures {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", []byte(text(t, fixture(), report.TextOptions{Width: 80})))
		})
	}
	golden(t, "sequential-100.txt", []byte(text(t, sequential(), report.TextOptions{Width: 100})))
	golden(t, "sequential-140.txt", []byte(text(t, sequential(), report.TextOptions{Width: 140})))
	golden(t, "sequential-color.txt", []byte(text(t, sequential(), report.TextOptions{Color: true})))
	golden(t, "slow-database-verbose.txt", []byte(text(t, slowDatabase(), report.TextOptions{Verbose: true})))
	golden(t, "several-endpoints-top1.txt", []byte(text(t, severalEndpoints(), report.TextOptions{Top: 1})))
	for _, name := range []string{"sequential", "no-requests", "nothing", "hostile"} {
		var buf bytes.Buffer
		if err := report.JSON(&buf, fixtures[name]()); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", buf.Bytes())
	}
}

func TestNoLineIsWiderThanThePage(t *testing.T) {
	for name, fixture := range fixtures {
		for _, columns := range []int{0, 80, 100, 140} {
			for _, verbose := range []bool{false, true} {
				page := text(t, fixture(), report.TextOptions{Width: columns, Verbose: verbose, Top: 9})
				for line := range strings.Lines(page) {
					line = strings.TrimSuffix(line, "\n")
					if got := twwidth.WidthWithOptions(line, twwidth.Options{}); got > max(columns, 80) {
						t.Errorf("%s on %d columns has a line of %d: %s", name, columns, got, line)
					}
					if strings.TrimRight(line, " ") != line {
						t.Errorf("%s on %d columns has spaces at the end of %q", name, columns, line)
					}
				}
			}
		}
	}
}

func TestColorOnlyEmphasizes(t *testing.T) {
	styles := regexp.MustCompile("\x1b\\[[0-9]*m")
	for name, fixture := range fixtures {
		plain := text(t, fixture(), report.TextOptions{})
		colored := text(t, fixture(), report.TextOptions{Color: true})
		if plain == colored {
			t.Errorf("%s has no color, though it was requested", name)
		}
		if stripped := styles.ReplaceAllString(colored, ""); stripped != plain {
			t.Errorf("%s in color, with the color removed, is not the plain page:\n%s", name, stripped)
		}
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	var asJSON bytes.Buffer
	if err := report.JSON(&asJSON, hostile()); err != nil {
		t.Fatal(err)
	}
	for format, out := range map[string]string{"text": text(t, hostile(), report.TextOptions{Verbose: true}), "JSON": asJSON.String()} {
		for _, r := range out {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%s holds %U", format, r)
			}
		}
	}
}

func TestJSONRoundTrips(t *testing.T) {
	for name, fixture := range fixtures {
		b := fixture()
		var first, second bytes.Buffer
		if err := report.JSON(&first, b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.Contains(first.Bytes(), []byte("null")) {
			t.Errorf("%s holds null:\n%s", name, first.Bytes())
		}
		if !reflect.DeepEqual(b, fixture()) {
			t.Errorf("%s was modified by writing it", name)
		}
		var back breakdown.Breakdown
		if err := json.Unmarshal(first.Bytes(), &back); err != nil {
			t.Fatalf("%s cannot be read back: %v", name, err)
		}
		if err := back.Check(); err != nil || back.Schema != breakdown.Schema {
			t.Errorf("%s was read back as schema %q: %v", name, back.Schema, err)
		}
		if err := report.JSON(&second, &back); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s differs after a round trip: %v", name, err)
		}
	}
}

func TestJSONReturnsEncodingErrors(t *testing.T) {
	b := sequential()
	b.Source.Saturated = math.NaN()
	if err := report.JSON(&bytes.Buffer{}, b); err == nil || !strings.Contains(err.Error(), "as JSON") {
		t.Errorf("the error is %v", err)
	}
}

type brokenWriter struct{ error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.error }

func TestWriteErrorsAreReturned(t *testing.T) {
	full := errors.New("no space left on device")
	if err := report.Text(brokenWriter{full}, sequential(), report.TextOptions{}); !errors.Is(err, full) {
		t.Errorf("Text: %v", err)
	}
	if err := report.JSON(brokenWriter{full}, sequential()); !errors.Is(err, full) {
		t.Errorf("JSON: %v", err)
	}
}

func TestTheLastLineIsTheAnswer(t *testing.T) {
	for name, want := range map[string]string{
		"sequential":        "The likely cause: upstream calls are made one after another, at main.(*API).fetch (api.go:88). It accounts for 97.0 of 168.2 ms per request (57.7%); fixing it saves that much at most. A free Postgres would save 4.4 ms (2.6%).",
		"concurrent":        "Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 60.9 ms (85.2%). A free Postgres would save 4.9 ms (6.8%).",
		"one-matters":       "The likely cause: upstream calls are made one after another, at main.(*API).fetch (api.go:88). It accounts for 72.0 of 105.8 ms per request (68.1%); fixing it saves that much at most.",
		"pool-starved":      "The likely cause: requests wait for a free database connection, and all are busy with statements, held by main.(*Store).Vehicle (store.go:41). It accounts for 33.1 of 42.4 ms per request (78.1%); fixing it saves that much at most.",
		"held-lock":         "The cause: main.(*Store).Vehicle (store.go:41) holds a lock across a database call. It accounts for 16.3 of 22.7 ms per request (72.0%); fixing it saves that much at most.",
		"busy-workers":      "The cause: requests queue for workers that are busy with other requests, in an upstream call, behind pricing.(*Pool).work (pool.go:55). It accounts for 6.5 of 13.7 ms per request (47.4%); fixing it saves that much at most.",
		"slow-database":     "Most time is spent waiting for the database. Instant answers from Postgres would save 121.4 ms (82.4%). Free upstream HTTP calls would save 21.0 ms (14.2%).",
		"embedded":          "Most time is spent in CPU, about 26.0 ms in calls to SQLite. A free SQLite would save 4.0 to 30.0 ms (11.1% to 83.3%): about 26.0 ms of CPU is its work.",
		"fast":              "Most time is spent in CPU. Another 3.9 µs (21.1%) is in client I/O.",
		"limited":           "The likely cause: a CPU limit stops the process. It accounts for 29.0 of 61.0 ms per request (47.5%); fixing it saves that much at most.",
		"several-endpoints": "Most of the request time (71.6%) goes to GET /v1/vin/{vin}. The likely cause there: upstream calls are made one after another, at main.(*API).fetch (api.go:88). It accounts for 97.0 of 168.2 ms per request (57.7%); fixing it saves that much at most. A free Postgres would save 4.4 ms (2.6%).",
		"incomplete-most":   "In the 900 requests that completed: most time is spent in CPU. A free Postgres would save 1.00 ms (25.0%). But 6 more requests did not complete within the window: they hold 94.2% of its request time, most of it in locks.",
		"stuck":             "No request completed within the window: 38 were cut by its edges, with most of their time in the database (99.9%), 99.1% of it waiting for a connection from the service's own pool. A longer window would show whether they complete.",
		"held-connections":  "The cause: requests wait for database connections that are held across an upstream call, by main.(*API).Decode (api.go:61). It accounts for 30.0 of 66.0 ms per request (45.5%); fixing it saves that much at most.",
		"hidden-calls":      "The cause: requests wait for a free upstream connection from the service's own pool. It accounts for 30.0 of 64.0 ms per request (46.9%); fixing it saves that much at most.",
		"nothing":           "No request was seen.",
	} {
		page := text(t, fixtures[name](), report.TextOptions{Width: 80})
		paragraphs := strings.Split(strings.TrimSpace(page), "\n\n")
		last := strings.ReplaceAll(paragraphs[len(paragraphs)-1], "\n", " ")
		if last != want {
			t.Errorf("%s ends with\n  %s\nnot\n  %s", name, last, want)
		}
	}
}

func TestSavingsAreRangesUnlessTheyHold(t *testing.T) {
	for _, c := range []struct {
		name           string
		queued, shadow int64
		want           string
	}{
		{"nothing queues or hides", 0, 0, "would save 20.0 ms (20.0%)."},
		{"too little to matter", 900 * us, 900 * us, "would save 20.0 ms (20.0%)."},
		{"requests queue behind", 16 * ms, 0, "would save 20.0 ms (20.0%); requests queue behind it for another 16.0 ms."},
		{"calls hide beside", 0, 8 * ms, "would save 12.0 to 20.0 ms (12.0% to 20.0%): up to 8.0 ms of other calls run hidden beside it."},
		{"both", 16 * ms, 8 * ms, "would save 12.0 to 20.0 ms (12.0% to 20.0%): up to 8.0 ms of other calls run hidden beside it; requests queue behind it for another 16.0 ms."},
		{"more hides than would be saved", 0, 50 * ms, "would save at most 20.0 ms (20.0%): up to 20.0 ms of other calls run hidden beside it."},
	} {
		b := of(source(), decode(10, part{bucket: breakdown.CPU, mean: 80 * ms}, part{bucket: breakdown.DB, mean: 20 * ms, queued: c.queued, shadow: c.shadow}))
		page := strings.ReplaceAll(text(t, b, report.TextOptions{Width: 140}), "\n", " ")
		if !strings.HasSuffix(strings.TrimSpace(page), c.want) {
			t.Errorf("%s: the page does not end with %q:\n%s", c.name, c.want, page)
		}
	}
}

func TestDialingIsMentionedOnce(t *testing.T) {
	for _, c := range []struct {
		calls, dials int64
		want         string // "" for no mention
	}{
		{1000, 0, ""},
		{0, 0, ""},
		{1000, 1, "1% of the calls dial a new connection"},
		{1000, 577, "58% of the calls dial a new connection"},
		{1000, 999, "99% of the calls dial a new connection"},
		{1000, 1000, "every call dials a new connection"},
	} {
		for bucket, phase := range map[breakdown.Bucket]breakdown.Phase{breakdown.DB: breakdown.Query, breakdown.Cache: breakdown.Command, breakdown.Upstream: breakdown.ResponseWait} {
			b := of(source(), decode(1000, part{bucket: bucket, mean: 30 * ms, phases: phases(breakdown.Connect, 10*ms, phase, 20*ms)}, part{bucket: breakdown.CPU, mean: ms}))
			b.Endpoints[0].Buckets[bucket].Calls, b.Endpoints[0].Buckets[bucket].Dials = c.calls, c.dials
			var markdown, html bytes.Buffer
			if err := errors.Join(report.Markdown(&markdown, b, report.MarkdownOptions{}), report.HTML(&html, b, nil, report.HTMLOptions{})); err != nil {
				t.Fatal(err)
			}
			for format, page := range map[string]string{"text": text(t, b, report.TextOptions{}), "markdown": markdown.String(), "HTML": html.String()} {
				want := map[bool]int{true: 1}[c.want != ""]
				if strings.Count(page, "a new connection") != want || !strings.Contains(page, c.want) {
					t.Errorf("%d of %d %s calls dial: the %s does not say %q once:\n%s", c.dials, c.calls, bucket, format, c.want, page)
				}
			}
		}
	}
}

func TestAllBucketsAreNamed(t *testing.T) {
	page := text(t, sequential(), report.TextOptions{Verbose: true})
	for b := range breakdown.NumBuckets {
		name := b.Info().Label
		if b == breakdown.Upstream {
			name = "upstream HTTP"
		}
		if !strings.Contains(page, name) {
			t.Errorf("%s is not on the page:\n%s", name, page)
		}
	}
}

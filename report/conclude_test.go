package report_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

// promised matches what a last line says another system would save.
var promised = regexp.MustCompile(`(?:[Ff]ree|[Ii]nstant answers from) [^.]*? would save (?:at most )?(?:[0-9.]+ to )?([0-9.]+) (µs|ms|s)`)

// promise returns the most that a last line says another system would save, in ns.
func promise(t *testing.T, line string) (ns int64) {
	t.Helper()
	for _, m := range promised.FindAllStringSubmatch(line, -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		ns = max(ns, int64(x*map[string]float64{"µs": 1e3, "ms": 1e6, "s": 1e9}[m[2]]))
	}
	return ns
}

func lastLineOf(b *breakdown.Breakdown) string { return report.Worded(b).Conclusion.Text }

// The last line blames another system only for time in which it works or its answer is on
// the way, whatever the cause.
func TestTheLastLineBlamesNoOtherSystemForTimeOfTheServiceItself(t *testing.T) {
	asked := map[breakdown.Bucket]breakdown.Phase{breakdown.DB: breakdown.Query, breakdown.Cache: breakdown.Command, breakdown.Queue: breakdown.Produce, breakdown.Upstream: breakdown.ResponseWait}
	own := map[breakdown.Bucket][]breakdown.Phase{breakdown.DB: {breakdown.PoolWait, breakdown.Connect}, breakdown.Cache: {breakdown.PoolWait, breakdown.Connect},
		breakdown.Queue: {breakdown.BatchDelay, breakdown.Connect}, breakdown.Upstream: {breakdown.PoolWait, breakdown.DNS, breakdown.Connect, breakdown.TLS}}
	blamed := 0
	for bucket, phase := range asked {
		for _, spent := range own[bucket] {
			for theirs := int64(0); theirs <= 90; theirs += 6 {
				for _, rest := range []int64{10, 80} {
					of := of(source(), decode(500, part{bucket: bucket, mean: 90 * ms, calls: 1, phases: phases(spent, (90-theirs)*ms, phase, theirs*ms),
						holders: []breakdown.Holder{{Frame: vehicle.Frame, Doing: bucket, Total: (90 - theirs) * ms}}, queued: 20 * ms}, part{bucket: breakdown.CPU, mean: rest * ms}))
					line := lastLineOf(of)
					if got := promise(t, line); got > theirs*ms+ms/10 {
						t.Errorf("%s is in %s for %d of 90 ms, and %d ms for itself: %s", bucket, spent, 90-theirs, theirs, line)
					} else if got > 0 {
						blamed++
					}
					if theirs == 0 && strings.Contains(line, "waiting for "+bucket.Info().Spoken+".") {
						t.Errorf("%s is never asked: %s", bucket, line)
					}
				}
			}
		}
	}
	if blamed < 50 {
		t.Errorf("only %d last lines blame the other side at all", blamed)
	}
}

// Time of a bucket that a cause within the service explains is not the other side's, for
// each kind of cause.
func TestEachCauseIsAConclusion(t *testing.T) {
	for _, entry := range diagnosis.Catalogue() {
		switch entry.ID {
		case "accept-queue", "connection-leak", "deadlock", "goroutines-grow", "no-deadline", "not-worth-it", "stuck-requests":
			continue // about no complete request
		}
		if !entry.Finding {
			continue
		}
		b := of(source(), decode(500, part{bucket: breakdown.DB, mean: 90 * ms, calls: 1, systems: []string{"postgres"}, phases: phases(breakdown.Query, 90*ms)}, part{bucket: breakdown.CPU, mean: 10 * ms}))
		b.Endpoints[0].Buckets[breakdown.DB].OwnSide = 60 * ms
		b.Causes[0].Explains = 30 * ms
		b.Causes[0].Facts = breakdown.Facts{{Kind: breakdown.FactOtherSide, Name: "db", Value: float64(30 * ms)}}
		for _, sure := range []breakdown.Confidence{breakdown.Certain, breakdown.Likely, breakdown.Possible} {
			x := breakdown.Explanation{ID: entry.ID, Confidence: sure, Endpoints: []string{b.Endpoints[0].Name}, Explains: 60 * ms, Saves: 55 * ms, Shown: true, Facts: breakdown.Facts{
				{Kind: breakdown.FactWall, Value: float64(100 * ms)}, {Kind: breakdown.FactSpent, Value: float64(60 * ms)}, {Kind: breakdown.FactSite, Place: breakdown.Place(vehicle.Frame)}}}
			w := *b
			w.Causes = append([]breakdown.Explanation{x}, b.Causes...)
			line := lastLineOf(&w)
			if promise(t, line) > 0 {
				t.Errorf("%s: %s", entry.ID, line)
			}
			begin := map[breakdown.Confidence]string{breakdown.Certain: "The cause: ", breakdown.Likely: "The likely cause: ", breakdown.Possible: "A possible cause: "}[sure]
			if !strings.HasPrefix(line, begin) || !strings.Contains(line, "60.0 of 100.0 ms per request (60.0%)") || !strings.Contains(line, "at most 55.0 ms") {
				t.Errorf("%s, %s: %s", entry.ID, sure, line)
			}
		}
	}
}

// A service of which the usual suspect takes next to nothing is told so, unless there is
// something to do about that suspect.
func TestTheUsualSuspectIsCleared(t *testing.T) {
	database := func(mean int64) part {
		return part{bucket: breakdown.DB, mean: mean, systems: []string{"postgres"}, phases: phases(breakdown.Query, mean)}
	}
	cpu := part{bucket: breakdown.CPU, mean: 40 * ms}
	cache := part{bucket: breakdown.Cache, mean: ms, systems: []string{"redis"}, phases: phases(breakdown.Command, ms)}
	for _, c := range []struct {
		name  string
		parts []part
		want  string // "" for no sentence
	}{
		{"a small database", []part{cpu, database(300 * us)}, "A free Postgres would save 0.3 ms (0.7%)."},
		{"a small database beside a cache", []part{cpu, database(300 * us), cache}, "A free Postgres would save 0.3 ms (0.7%)."},
		{"a small cache and no database", []part{cpu, cache}, "A free Redis would save 1.0 ms (2.4%)."},
		{"a database that matters", []part{cpu, database(5 * ms)}, ""},
		{"no other system", []part{cpu}, ""},
		{"a pool that requests wait for", []part{cpu, {bucket: breakdown.DB, mean: 21 * ms, systems: []string{"postgres"}, phases: phases(breakdown.PoolWait, 20*ms, breakdown.Query, ms)}}, ""},
	} {
		b := of(source(), decode(500, c.parts...))
		found := 0
		for _, f := range b.Findings {
			if f.ID == "not-worth-it" {
				found++
			}
		}
		line := lastLineOf(b)
		if want := map[bool]int{true: 1}[c.want != ""]; found != want || want > 0 && !strings.HasSuffix(line, c.want) || want == 0 && found > 0 {
			t.Errorf("%s: %d findings clear a suspect, and the last line is %s", c.name, found, line)
		}
		if strings.Contains(text(t, b, report.TextOptions{}), "would save little") {
			t.Errorf("%s: there is nothing to try", c.name)
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
)

// The runs of ab on live services are long. They go on from a file of results.
var (
	live    = flag.Int("live", 0, "compare live services, up to that many runs of each kind in all")
	results = flag.String("results", "ab.jsonl", "the `file` of results of live runs, which a later test goes on from")
	budget  = flag.Duration("budget", 10*time.Minute, "the budget of a live run")
)

// mostPairs is how many pairs of such captures fit into ab's budget: a service takes a
// second to start and to stop.
const mostPairs = 90

// decided feeds pairs to ab until it is decided or there are no more.
func decided(pairs int, next func(i int) (before, after *breakdown.Breakdown)) *breakdown.AB {
	ab := analyze.NewAB(analyze.ABOptions{})
	for i := range pairs {
		ab.Add(next(i))
		if r := ab.Result(); r.Verdict != breakdown.Undecided {
			return r
		}
	}
	return ab.Result()
}

// TestABSeldomTellsOneBuildFromItself compares one build with itself, by pairs that were
// taken in turn.
func TestABSeldomTellsOneBuildFromItself(t *testing.T) {
	null, _ := read(t)
	runs, mostWrong := 60, 3
	if *long {
		runs, mostWrong = 400, 12
	}
	r, wrong, verdicts := rand.New(rand.NewPCG(5, 6)), 0, map[breakdown.Verdict]int{}
	for range runs {
		n := min(20, len(null)/2)
		before, after := inTurn(r, null[r.IntN(len(null)-2*n+1):][:2*n])
		a := decided(n, func(i int) (*breakdown.Breakdown, *breakdown.Breakdown) { return side(before[i]), side(after[i]) })
		if verdicts[a.Verdict]++; a.Verdict == breakdown.Slower || a.Verdict == breakdown.Faster {
			wrong++
		}
	}
	t.Logf("%d of %d wrong: %v", wrong, runs, verdicts)
	if wrong > mostWrong {
		t.Errorf("%d of %d runs tell one build from itself", wrong, runs)
	}
}

// slowerBuilds are those that ab must find, with the quantity that is slower.
var slowerBuilds = []struct{ build, quantity string }{{"mean10", "mean"}, {"tail20", "p95"}, {"mean30", "mean"}}

// TestABFindsSlowerBuilds compares builds that are slower with the usual one, by recorded
// pairs, each run from another one on.
func TestABFindsSlowerBuilds(t *testing.T) {
	_, turns := read(t)
	const runs, least = 20, 16
	for _, c := range slowerBuilds {
		same, slower := turns["same"], turns[c.build]
		n := min(len(same), len(slower))
		if n < 8 {
			t.Logf("%s: only %d pairs are recorded", c.build, n)
			continue
		}
		r, found, pairs, spread := rand.New(rand.NewPCG(7, 8)), 0, 0, 0.0
		for range runs {
			at := r.IntN(n)
			a := decided(min(n, mostPairs), func(i int) (*breakdown.Breakdown, *breakdown.Breakdown) {
				return side(same[(at+i)%n]), side(slower[(at+i)%n])
			})
			if a.Verdict == breakdown.Slower {
				found++
			}
			pairs, spread = pairs+a.Pairs, spread+spreadIn(a, c.quantity)
		}
		spread /= runs
		t.Logf("%s: found in %d of %d, after %.1f pairs; captures of one build differ by %.1f%%", c.build, found, runs, float64(pairs)/runs, 100*spread)
		if found < least && spread <= mostSpread {
			t.Errorf("%s: found in only %d of %d", c.build, found, runs)
		}
	}
}

// mostSpread is the spread between captures of one build up to which a slower one must be
// found.
const mostSpread = 0.08

func spreadIn(a *breakdown.AB, quantity string) float64 {
	for i := range a.Quantities {
		if a.Quantities[i].Quantity == quantity {
			return a.Quantities[i].Spread
		}
	}
	return 0
}

// A liveRun is one run of ab on live services.
type liveRun struct {
	Build   string            `json:"build"`
	Verdict breakdown.Verdict `json:"verdict"`
	Pairs   int               `json:"pairs"`
	Took    time.Duration     `json:"took_ns"`
	Spread  float64           `json:"spread"` // of the quantity that is slower
	Needs   int               `json:"needs_pairs"`
}

// TestABOnLiveServices compares live services, each capture of a fresh process, in random
// order. It goes on from a file of results, and judges all that are there.
func TestABOnLiveServices(t *testing.T) {
	if *live == 0 {
		return // the other tests use recorded captures
	}
	all := readRuns(t)
	r := recording{window: 2 * time.Second, folder: t.TempDir()}
	r.exe = filepath.Join(r.folder, "vinservice")
	if out, err := exec.Command("go", "build", "-o", r.exe, vinservice).CombinedOutput(); err != nil {
		t.Fatalf("building the service: %v: %s", err, out)
	}
	for n := range *live {
		for _, c := range append(slowerBuilds, struct{ build, quantity string }{"same", "mean"}) {
			if n < len(all[c.build]) {
				continue
			}
			run := r.ab(t, c.build, c.quantity, uint64(n))
			all[c.build] = append(all[c.build], run)
			f, err := os.OpenFile(*results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
			if err == nil {
				err = json.NewEncoder(f).Encode(run)
				f.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range slowerBuilds {
		found, steady := 0, 0
		for _, run := range all[c.build] {
			t.Logf("%s", run)
			if run.Spread > mostSpread {
				continue
			}
			if steady++; run.Verdict == breakdown.Slower {
				found++
			}
		}
		if 5*found < 4*steady { // 16 of 20
			t.Errorf("%s: found in %d of %d runs with a spread of at most %.0f%%", c.build, found, steady, 100*mostSpread)
		}
	}
	wrong := 0
	for _, run := range all["same"] {
		t.Logf("%s", run)
		if run.Verdict == breakdown.Slower || run.Verdict == breakdown.Faster {
			wrong++
		}
	}
	if n := len(all["same"]); 20*wrong > max(n, 20) {
		t.Errorf("%d of %d runs tell one build from itself", wrong, n)
	}
}

func (l liveRun) String() string {
	text := fmt.Sprintf("%s: %s after %d pairs, %s; captures of one build differ by %.1f%%", l.Build, l.Verdict, l.Pairs, l.Took.Round(time.Second), 100*l.Spread)
	if l.Needs > 0 {
		text += fmt.Sprintf("; it takes about %d pairs", l.Needs)
	}
	return text
}

func readRuns(t *testing.T) map[string][]liveRun {
	all := map[string][]liveRun{}
	f, err := os.Open(*results)
	if os.IsNotExist(err) {
		return all
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var run liveRun
		if err := d.Decode(&run); err != nil {
			t.Fatal(err)
		}
		all[run.Build] = append(all[run.Build], run)
	}
	return all
}

// ab compares a live build with the usual one.
func (r *recording) ab(t *testing.T, build, quantity string, seed uint64) liveRun {
	ab, random, began := analyze.NewAB(analyze.ABOptions{}), rand.New(rand.NewPCG(seed, 9)), time.Now()
	result := ab.Result()
	for n := 1; n == 1 || time.Since(began)*time.Duration(n)/time.Duration(n-1) < *budget; n++ {
		var pair [2]*breakdown.Breakdown
		first := random.IntN(2)
		for _, i := range []int{first, 1 - first} {
			c := &Recorded{Build: []string{"same", build}[i], Rate: meanRate}
			if err := r.take(context.Background(), c, seed); err != nil {
				t.Fatal(err)
			}
			pair[i] = side(c)
		}
		ab.Add(pair[0], pair[1])
		if result = ab.Result(); result.Verdict != breakdown.Undecided {
			break
		}
	}
	run := liveRun{Build: build, Verdict: result.Verdict, Pairs: result.Pairs, Took: time.Since(began), Spread: spreadIn(result, quantity)}
	for _, q := range result.Quantities {
		run.Needs = max(run.Needs, q.Needs)
	}
	return run
}

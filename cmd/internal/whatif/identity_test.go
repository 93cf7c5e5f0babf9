package whatif

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
	"timesink/cmd/internal/testbin"
	"timesink/collect/capture"
)

func TestMain(m *testing.M) { testbin.Main(m) }

// identical is by how much the replay without a change may be off. The captures have little
// more than 100 requests, so p95 is decided by a handful of them: it may be off by more.
const (
	identical    = 0.02
	identicalP95 = 0.06
)

// TestTheReplayGivesBackWhatWasRecorded replays the recorded captures of every release of Go.
func TestTheReplayGivesBackWhatWasRecorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "goversions", "testdata", "go1.*.trace.gz"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recorded traces, %v", len(files), err)
	}
	for _, file := range files {
		e := predicted(t, file, replay.Options{})
		t.Log(identityRow(filepath.Base(file), e))
		for _, x := range differences(e) {
			most := identical
			if x.name == "p95" {
				most = identicalP95
			}
			if x.off > most || x.off < -most {
				t.Errorf("%s: the replay's %s is off by %+.1f%%", file, x.name, 100*x.off)
			}
		}
	}
}

var in = flag.String("in", "", "replay the captures below this `folder`")

// least is how many requests an endpoint must have for its quantiles to be compared.
const least = 100

// TestLiveCapturesAreGivenBack replays captures of live services, such as those of the accuracy
// table, and prints how far each endpoint is off.
func TestLiveCapturesAreGivenBack(t *testing.T) {
	if *in == "" {
		return // .ci/replay collects them
	}
	var files []string
	err := filepath.WalkDir(*in, func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); ext == ".zip" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in %s: %v", *in, err)
	}
	good, all := 0, 0
	for _, file := range files {
		p, err := replayOf(t, file).Predict(replay.Options{})
		if errors.Is(err, replay.ErrNothing) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range p.Endpoints {
			e := &p.Endpoints[i]
			if e.Before.Requests < least || strings.HasSuffix(e.Kind, breakdown.Streaming) || strings.HasSuffix(e.Kind, breakdown.LongPolling) {
				continue
			}
			ok := !slices.ContainsFunc(differences(e), func(x difference) bool { return x.off > identical || x.off < -identical })
			mark := "✗"
			if ok {
				mark = " "
				good++
			}
			all++
			fmt.Println(mark, identityRow(e.Name, e))
		}
	}
	fmt.Printf("%d of %d endpoints within %.0f%%\n", good, all, 100*identical)
	if good < all {
		t.Errorf("%d of %d endpoints are off by more than %.0f%%", all-good, all, 100*identical)
	}
}

// predicted returns the prediction for the endpoint with the most request time.
func predicted(t *testing.T, file string, o replay.Options) *breakdown.EndpointPredicted {
	t.Helper()
	p, err := replayOf(t, file).Predict(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Endpoints) == 0 {
		t.Fatalf("%s: no endpoint was replayed", file)
	}
	return &p.Endpoints[0]
}

func replayOf(t *testing.T, file string) *analyze.Replay {
	t.Helper()
	c, err := capture.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, _, err := analyze.NewReplay(t.Context(), c, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A difference is by how much the replay of one quantity is off: a bucket's mean relative to
// the mean wall time.
type difference struct {
	name string
	off  float64
}

func differences(e *breakdown.EndpointPredicted) []difference {
	b, r := &e.Before, &e.Replayed
	of := func(was, is, whole int64) float64 { return float64(is-was) / float64(max(1, whole)) }
	list := []difference{{"mean", of(b.Mean, r.Mean, b.Mean)}, {"p50", of(b.P50, r.P50, b.P50)}, {"p95", of(b.P95, r.P95, b.P95)}}
	for i := range b.Buckets {
		list = append(list, difference{b.Buckets[i].Bucket.String(), of(b.Buckets[i].Mean, r.Buckets[i].Mean, b.Mean)})
	}
	return list
}

// identityRow returns a line of the table: how far the mean, p50, p95 and the worst bucket
// are off.
func identityRow(name string, e *breakdown.EndpointPredicted) string {
	list := differences(e)
	worst := list[3]
	for _, x := range list[3:] {
		if max(x.off, -x.off) > max(worst.off, -worst.off) {
			worst = x
		}
	}
	return fmt.Sprintf("%-34s %6d requests  mean %8.2f ms %+5.1f%%  p50 %+5.1f%%  p95 %+5.1f%%  worst bucket %s %+.1f%%", name, e.Before.Requests,
		float64(e.Before.Mean)/1e6, 100*list[0].off, 100*list[1].off, 100*list[2].off, worst.name, 100*worst.off)
}

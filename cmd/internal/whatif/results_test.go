package whatif

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"timesink/cmd/internal/accuracy"
)

var (
	results = flag.String("results", "", "add the results of the rows to this `file`")
	write   = flag.Bool("write", false, "write the figures that the report quotes and the table in README.md, from testdata/results.jsonl")
)

// A result is what a row gave: by how much the prediction was off, relative to what was
// measured, and half of the measurement's interval, relative to it as well.
type result struct {
	Row   string   `json:"row"`
	Kinds []string `json:"kinds"` // of the changes, as on the command line
	// OtherSide is set if the trace cannot tell how another system takes the change.
	OtherSide bool `json:"other_side,omitempty"`
	Captures  int  `json:"captures"` // a side
	// Was, Predicted and Is are means, in ns. Results of older versions lack them.
	Was       float64 `json:"was_ns,omitempty"`
	Predicted float64 `json:"predicted_ns,omitempty"`
	Is        float64 `json:"is_ns,omitempty"`
	Mean      float64 `json:"mean_off"`
	Half      float64 `json:"mean_half"`
	P50       float64 `json:"p50_off"`
	P95       float64 `json:"p95_off"`
}

// add adds a result to the file of results.
func (r *result) add(t *testing.T) {
	if *results == "" {
		return
	}
	f, err := os.OpenFile(*results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		err = json.NewEncoder(f).Encode(r)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// recorded holds the results that the report's figures are from, figures is the file that the
// report reads, and table has all of them.
const (
	recorded = "testdata/results.jsonl"
	figures  = "../../../report/measured.json"
	table    = "README.md"
)

// mostHalf is half of the interval of what was measured, relative to it, up to which a result
// says anything about the prediction.
const mostHalf = 0.05

// A figure is how far predictions of one kind of change were off at most, in the mean, and as
// far as the measurements can tell.
type figure struct {
	Rows   int     `json:"rows"`
	Within float64 `json:"within"`
}

// counts reports whether the report quotes a result: it is of one change, and the measurement
// is sure enough.
func (r *result) counts() bool { return len(r.Kinds) == 1 && r.Half <= mostHalf }

// tableOf returns the results of all rows, in the order of the table reality.
func tableOf(last map[string]result) string {
	var b strings.Builder
	b.WriteString("| change | kind | before | predicted | measured | off, mean | p50 | p95 | quoted |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range reality {
		r, ok := last[row.name]
		if !ok || r.Is == 0 {
			continue
		}
		quoted := "no"
		if r.counts() {
			quoted = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f ms | %.1f ms | %.1f ms ± %.1f%% | %+.1f%% | %+.1f%% | %+.1f%% | %s |\n", r.Row, strings.Join(r.Kinds, ", "),
			r.Was/1e6, r.Predicted/1e6, r.Is/1e6, 100*r.Half, 100*r.Mean, 100*r.P50, 100*r.P95, quoted)
	}
	return b.String()
}

// TestTheReportQuotesWhatWasMeasured compares the figures in the report, and the table, with
// the results, of which each row's last counts. The figures are rounded up to whole percents.
func TestTheReportQuotesWhatWasMeasured(t *testing.T) {
	f, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	last := map[string]result{}
	for d := json.NewDecoder(f); d.More(); {
		var r result
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		last[r.Row] = r
	}
	of := map[string]figure{}
	for _, r := range last {
		if !r.counts() {
			continue
		}
		f := of[r.Kinds[0]]
		of[r.Kinds[0]] = figure{f.Rows + 1, max(f.Within, math.Ceil(100*(math.Abs(r.Mean)+r.Half)-1e-9)/100)}
	}
	want, err := json.MarshalIndent(of, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *write {
		if err := os.WriteFile(figures, want, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := accuracy.Publish(table, "measured", tableOf(last)); err != nil {
			t.Fatal(err)
		}
	}
	if err := accuracy.Published(table, "measured", tableOf(last)); err != nil {
		t.Errorf("%v: -write writes it", err)
	}
	if got, err := os.ReadFile(figures); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the report quotes %s, measured was %s (%v): -write writes it", got, want, err)
	}
}

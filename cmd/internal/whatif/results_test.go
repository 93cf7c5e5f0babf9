package whatif

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"
)

var (
	results = flag.String("results", "", "add the results of the rows to this `file`")
	write   = flag.Bool("write", false, "write the figures that the report quotes, from testdata/results.jsonl")
)

// A result is what a row gave: by how much the prediction was off, relative to what was
// measured, and half of the measurement's interval, relative to it as well.
type result struct {
	Row   string   `json:"row"`
	Kinds []string `json:"kinds"` // of the changes, as on the command line
	// OtherSide is set if the trace cannot tell how another system takes the change.
	OtherSide bool    `json:"other_side,omitempty"`
	Captures  int     `json:"captures"` // a side
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

// recorded holds the results that the report's figures are from, and figures is the file
// that the report reads.
const (
	recorded = "testdata/results.jsonl"
	figures  = "../../../report/measured.json"
)

// mostHalf is half of the interval of what was measured, relative to it, up to which a result
// says anything about the prediction.
const mostHalf = 0.05

// A figure is how far predictions of one kind of change were off at most, in the mean.
type figure struct {
	Rows   int     `json:"rows"`
	Within float64 `json:"within"`
}

// TestTheReportQuotesWhatWasMeasured compares the figures in the report with the results of
// rows with one change, of which each row's last counts, and only if the measurement is sure
// enough. They are rounded up to whole percents.
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
		if len(r.Kinds) != 1 || r.Half > mostHalf {
			continue
		}
		f := of[r.Kinds[0]]
		of[r.Kinds[0]] = figure{f.Rows + 1, max(f.Within, math.Ceil(100*math.Abs(r.Mean)-1e-9)/100)}
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
	}
	if got, err := os.ReadFile(figures); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the report quotes %s, measured was %s (%v): -write writes it", got, want, err)
	}
}

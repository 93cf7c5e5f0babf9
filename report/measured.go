package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"timesink/analyze/breakdown"
)

// measuredJSON says how far predictions of each kind of change were off, where the change
// was then made: cmd/internal/whatif measures it, and writes it there.
//
//go:embed measured.json
var measuredJSON []byte

// A measuredKind is how many changes of a kind were made, and by which share of the mean the
// predictions for them were off at most.
type measuredKind struct {
	Rows   int     `json:"rows"`
	Within float64 `json:"within"`
}

var measured = sync.OnceValue(func() (kinds map[string]measuredKind) {
	if err := json.Unmarshal(measuredJSON, &kinds); err != nil {
		panic("the embedded measured.json: " + err.Error())
	}
	return kinds
})

// measuredText says how true predictions of such changes were: " (measured on 3 such changes:
// within 6%)". It is "" if that was not measured for all of them.
func measuredText(changes []breakdown.PlannedChange) string {
	within, rows := 0.0, 0
	for i := range changes {
		m, ok := measured()[changes[i].Change]
		if !ok {
			return ""
		}
		if within = max(within, m.Within); rows == 0 || m.Rows < rows {
			rows = m.Rows
		}
	}
	if len(changes) == 0 {
		return ""
	}
	return fmt.Sprintf(" (measured on %s: within %.0f%%)", counted(int64(rows), "such change", "such changes"), 100*within)
}

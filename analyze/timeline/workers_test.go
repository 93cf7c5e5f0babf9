package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace/tracetest"
)

var rulesTable = sync.OnceValue(func() *rules.Table { return rules.New() })

// told returns the entire result of reading a trace, as text.
func told(t testing.TB, data []byte, workers int) []byte {
	t.Helper()
	var all bytes.Buffer
	out := json.NewEncoder(&all)
	sum, err := Read(t.Context(), bytes.NewReader(data), rulesTable(), workers, func(r *breakdown.Request) {
		if err := out.Encode(r); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		fmt.Fprintln(&all, err)
		return all.Bytes()
	}
	if sum.Cut != nil {
		fmt.Fprintln(&all, sum.Cut)
	}
	if err := out.Encode(sum); err != nil {
		t.Error(err)
	}
	return all.Bytes()
}

// Damaged traces, too, read the same with any number of workers, errors included.
func TestWorkersDoNotAffectFixtures(t *testing.T) {
	small := tracetest.Recorded(t)
	maps.Copy(small, tracetest.ReaderFixtures(t))
	if !tracetest.Long {
		sameByWorkers(t, small, 3)
		return
	}
	sameByWorkers(t, small, 2, 3, 4, 8)
	sameByWorkers(t, tracetest.Services(t), 4)
}

func sameByWorkers(t *testing.T, traces map[string][]byte, counts ...int) {
	t.Helper()
	for name, data := range traces {
		one := told(t, data, 1)
		for _, workers := range counts {
			if other := told(t, data, workers); !bytes.Equal(one, other) {
				t.Errorf("%s: with one worker\n%.2000s\nwith %d workers\n%.2000s", name, one, workers, other)
			}
		}
	}
}

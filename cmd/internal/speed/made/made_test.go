package made_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	exptrace "golang.org/x/exp/trace"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/speed/made"
	"timesink/collect/capture"
)

const length = 1200 * time.Millisecond

func write(t *testing.T, s made.Shape) ([]byte, made.Made) {
	t.Helper()
	var buf bytes.Buffer
	m, err := s.Write(&buf, length)
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), m
}

// The ordinary reader accepts a made trace as Go's own, and the analysis finds the requests
// that it was made of.
func TestMadeTracesAreWhatTheySay(t *testing.T) {
	for _, s := range made.Shapes() {
		t.Run(s.Name, func(t *testing.T) {
			data, m := write(t, s)
			if again, _ := write(t, s); !bytes.Equal(data, again) {
				t.Error("the same shape gave other bytes")
			}
			r, err := exptrace.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := r.ReadEvent(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			c, err := capture.Read("trace.out", bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			b, err := analyze.Captures(t.Context(), []*capture.Capture{c}, analyze.Options{})
			if err != nil {
				t.Fatal(err)
			}
			requests, unknown, wall := int64(0), int64(0), int64(0)
			for _, e := range b.Endpoints {
				requests += e.Requests
				wall += e.Wall.Total
				unknown += e.Buckets[breakdown.Unknown].Total
			}
			// Requests at the window's edges are counted apart.
			if requests > m.Requests || requests < m.Requests*95/100 || m.Requests < 1000 {
				t.Errorf("%d requests of %d", requests, m.Requests)
			}
			if stated := float64(s.Health.Rate+s.Calls.Rate+s.FanOut.Rate) * length.Seconds(); float64(m.Requests) < 0.9*stated || float64(m.Requests) > 1.05*stated {
				t.Errorf("%d requests, not %.0f", m.Requests, stated)
			}
			if unknown*50 > wall {
				t.Errorf("%d of %d ns are unknown", unknown, wall)
			}
			t.Logf("%d bytes, %d events, %d requests", len(data), m.Events, m.Requests)
		})
	}
}

// Each goroutine that only waits is in each generation once.
func TestQuietGoroutinesAreInTheTrace(t *testing.T) {
	s := made.Shape{Health: made.Load{Rate: 100, Connections: 1}, Quiet: 500}
	data, _ := write(t, s)
	r, err := exptrace.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for {
		ev, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if ev.Kind() != exptrace.EventStateTransition {
			continue
		}
		if st := ev.StateTransition(); st.Resource.Kind == exptrace.ResourceGoroutine {
			if from, to := st.Goroutine(); from == exptrace.GoUndetermined && to == exptrace.GoWaiting {
				waiting++
			}
		}
	}
	if waiting < s.Quiet || waiting > 3*s.Quiet {
		t.Errorf("%d goroutines were waiting at first sight, not %d", waiting, s.Quiet)
	}
}

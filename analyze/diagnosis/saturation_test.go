package diagnosis

import (
	"testing"

	"timesink/analyze/breakdown"
)

func TestASaturatedDatabaseIsToldFromASlowStatement(t *testing.T) {
	const ms = 1_000_000
	level := func(inFlight float64, each int64) Level {
		return Level{InFlight: inFlight, Each: each * ms, Error: ms / 10}
	}
	for name, c := range map[string]struct {
		crowding        *Crowding
		late            int64
		grows, isSteady bool
		first           string
	}{
		"twice as long for twice as many": {crowding: &Crowding{Each: 30 * ms, Few: level(1.5, 10), Many: level(6, 41)}, grows: true, first: "saturated-side"},
		"as long however many":            {crowding: &Crowding{Each: 10 * ms, Few: level(1.5, 10), Many: level(6, 10)}, isSteady: true, first: "other-side"},
		"a little longer":                 {crowding: &Crowding{Each: 12 * ms, Few: level(1.5, 10), Many: level(6, 13)}, first: "other-side"},
		"always as many":                  {crowding: &Crowding{Each: 30 * ms, Few: level(5, 29), Many: level(6, 35)}, first: "other-side"},
		"longer by chance":                {crowding: &Crowding{Each: 30 * ms, Few: Level{1.5, 10 * ms, 9 * ms}, Many: Level{6, 41 * ms, 3 * ms}}, first: "other-side"},
		"noticed late":                    {crowding: &Crowding{Each: 30 * ms, Few: level(1.5, 10), Many: level(6, 41)}, late: 10 * ms, grows: true, first: "other-side"},
		"not known":                       {first: "other-side"},
	} {
		t.Run(name, func(t *testing.T) {
			if grows, steady := c.crowding.grows(), c.crowding.isSteady(); grows != c.grows || steady != c.isSteady {
				t.Errorf("grows: %v, is steady: %v", grows, steady)
			}
			e := breakdown.Endpoint{Name: "main.get", Requests: 100, Wall: breakdown.Stats{Total: 4000 * ms, Mean: 40 * ms}, Buckets: make([]breakdown.BucketTime, breakdown.NumBuckets)}
			for b := range e.Buckets {
				e.Buckets[b].Bucket = breakdown.Bucket(b)
			}
			e.Buckets[breakdown.DB] = breakdown.BucketTime{Bucket: breakdown.DB, Total: 3900 * ms, Mean: 39 * ms, Systems: []string{"postgres"},
				Phases: []breakdown.PhaseTime{{Phase: breakdown.Query, Total: 3900 * ms, Mean: 39 * ms}}}
			evidence := Evidence{}
			evidence.Crowding[breakdown.DB] = c.crowding
			evidence.Late[breakdown.DB] = c.late
			causes, _ := Diagnose(&Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []Evidence{evidence}})
			if len(causes) == 0 || causes[0].ID != c.first {
				t.Fatalf("the causes are %+v", causes)
			}
			if has := causes[len(causes)-1].Facts.Has(breakdown.FactFew); causes[0].ID == "other-side" && has != c.isSteady {
				t.Errorf("other-side says how long with few in flight: %v", has)
			}
		})
	}
}

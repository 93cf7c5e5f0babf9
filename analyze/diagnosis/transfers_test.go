package diagnosis_test

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

func diagnoseOne(e breakdown.Endpoint, evidence diagnosis.Evidence) []breakdown.Explanation {
	causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{evidence}})
	return causes
}

var (
	logged  = diagnosis.Transfer{Site: breakdown.Frame{Function: "main.get", File: "main.go", Line: 7}, Called: "log/slog.(*Logger).Info", Logger: "log/slog"}
	handler = breakdown.Frame{Function: "main.get", File: "main.go", Line: 7}
)

// Requests that wait for the lock of a logger wait for the line before theirs.
func TestALockOverAWriteIsPartOfTheWriting(t *testing.T) {
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.File: 10 * ms, breakdown.Lock: 30 * ms})
	e.Buckets[breakdown.Lock].Holders = []breakdown.Holder{{Frame: handler, Doing: breakdown.File, Total: 300 * ms}}
	causes := diagnoseOne(e, diagnosis.Evidence{Transfers: diagnosis.Transfers{Written: 10 * ms, ToFiles: diagnosis.Moved{logged: 10 * ms}}})
	if len(causes) != 1 || causes[0].ID != "sync-file-write" || causes[0].Explains != 40*ms {
		t.Fatalf("%+v", causes)
	}
	if f := causes[0].Facts; f.Time(breakdown.FactBehindWrites) != 30*ms || f.Name(breakdown.FactLogger) != "log/slog" || f.Has(breakdown.FactSynced) {
		t.Errorf("%+v", f)
	}
}

// A lock that is held while another function writes is the lock's.
func TestALockOverTheWriteOfAnotherIsALock(t *testing.T) {
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.File: ms, breakdown.Lock: 30 * ms})
	e.Buckets[breakdown.Lock].Holders = []breakdown.Holder{{Frame: breakdown.Frame{Function: "main.save", File: "main.go", Line: 9}, Doing: breakdown.File, Total: 300 * ms}}
	causes := diagnoseOne(e, diagnosis.Evidence{Transfers: diagnosis.Transfers{Written: ms, ToFiles: diagnosis.Moved{logged: ms}}})
	if len(causes) != 1 || causes[0].ID != "lock-contended" {
		t.Errorf("%+v", causes)
	}
}

// Files that are read, and writes that take no time, are no cause.
func TestReadingIsNotWriting(t *testing.T) {
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.File: 10 * ms})
	for _, c := range diagnoseOne(e, diagnosis.Evidence{Transfers: diagnosis.Transfers{Written: ms / 2, ToFiles: diagnosis.Moved{logged: ms / 2}}}) {
		if c.Shown {
			t.Errorf("%+v", c)
		}
	}
}

// A client is slow if the service waits for it, and not because a stream has nothing to
// say.
func TestSlowClients(t *testing.T) {
	waits := diagnosis.Evidence{Transfers: diagnosis.Transfers{Sent: 20 * ms, WithClients: diagnosis.Moved{{Site: handler}: 20 * ms}}}
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.ClientIO: 22 * ms, breakdown.CPU: 5 * ms})
	causes := diagnoseOne(e, waits)
	if len(causes) != 1 || causes[0].ID != "slow-client" || causes[0].Saves != 20*ms {
		t.Fatalf("%+v", causes)
	}
	if causes := diagnoseOne(e, diagnosis.Evidence{}); len(causes) != 0 {
		t.Errorf("copying into the kernel is %+v", causes)
	}
	e.Kind = "http/1" + breakdown.Streaming
	if causes := diagnoseOne(e, waits); len(causes) != 0 {
		t.Errorf("a stream: %+v", causes)
	}
}

// What takes many small system calls is said of them, and not of the file that they write.
func TestSmallSystemCalls(t *testing.T) {
	small := diagnosis.SmallCalls{Bucket: breakdown.File, Site: handler, What: "writes", PerRequest: 5000, Each: 3_000, Time: 15 * ms}
	for _, c := range []struct {
		name string
		with func(*diagnosis.SmallCalls)
		want string
	}{
		{"writes of a few bytes", func(*diagnosis.SmallCalls) {}, "many-system-calls"},
		{"few of them", func(s *diagnosis.SmallCalls) { s.PerRequest = 50 }, "sync-file-write"},
		{"writes that take long", func(s *diagnosis.SmallCalls) { s.Each = 100_000 }, "sync-file-write"},
		{"looks at files that take long", func(s *diagnosis.SmallCalls) { s.What, s.Each = "looks", 100_000 }, "many-system-calls"},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.File: 16 * ms, breakdown.CPU: 5 * ms})
		calls := small
		c.with(&calls)
		causes := diagnoseOne(e, diagnosis.Evidence{Small: &calls, Transfers: diagnosis.Transfers{Written: 16 * ms, ToFiles: diagnosis.Moved{{Site: handler}: 16 * ms}}})
		if len(causes) != 1 || causes[0].ID != c.want {
			t.Errorf("%s: %+v", c.name, causes)
		}
	}
}

package rules

import "testing"

func TestOnlyTheServicesYieldsAreTold(t *testing.T) {
	for stackOf, want := range map[string]bool{
		"runtime.Gosched < main.(*spin).lock < main.get":          true,
		"runtime.Gosched < example.com/ring.(*Queue).Put":         true,
		"runtime.Gosched < runtime.GC < main.get":                 false, // the sweeper lets others go first
		"runtime.goschedguarded < runtime.Gosched < main.compute": false,
		"runtime.selectgo < main.get":                             false,
		"runtime.Gosched":                                         false,
	} {
		if Yields(stack(stackOf)) != want {
			t.Errorf("%s: %v", stackOf, !want)
		}
	}
	for called, want := range map[string]bool{
		"time.Sleep": true, "runtime.Gosched": true, "sync/atomic.(*Bool).CompareAndSwap": true, "sync/atomic.LoadInt32": true, "runtime.selectnbrecv": true,
		"time.Now": false, "sync/atomic.(*Int64).Add": false, "sync.(*Mutex).Lock": false, "": false,
	} {
		if Polls(called) != want {
			t.Errorf("%s: %v", called, !want)
		}
	}
}

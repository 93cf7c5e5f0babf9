package replay

import "testing"

// BenchmarkPredict replays 60 s of 200 requests per second, of which each makes three calls
// and uses a pool, without and with a change.
func BenchmarkPredict(b *testing.B) {
	c := NewRecorder(256 << 20)
	for i := range int64(12000) {
		s := sequence(i%30+1, i*5*ms)
		c.Add(s.r)
	}
	rec := c.Recording(Window{End: 60_000 * ms, Processors: 4, Load: &c.ran}, endpoint)
	at, err := rec.Resolve("api.go:88")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := rec.Predict(Options{Load: Open, Changes: []Change{{Kind: Concurrent, Target: at}, {Kind: Rate, Factor: 2}}}); err != nil {
			b.Fatal(err)
		}
	}
}

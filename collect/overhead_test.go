package collect

import (
	"testing"

	"timesink/collect/capture"
)

// times returns n latencies around ms milliseconds.
func times(n int, ms float64) (list []int64) {
	for i := range n {
		list = append(list, int64(ms*1e6)+int64(i%5)*50_000)
	}
	return list
}

func TestOverheadIsToldFromChance(t *testing.T) {
	for _, c := range []struct {
		name         string
		base, window []int64
		most         float64
		costly       bool
	}{
		{"the same", times(30, 10), times(30, 10), 0.05, false},
		{"20% slower", times(30, 10), times(30, 12), 0.05, true},
		{"20% slower, 50% allowed", times(30, 10), times(30, 12), 0.5, false},
		{"faster", times(30, 10), times(30, 5), 0.05, false},
		{"too few before", times(5, 10), times(30, 100), 0.05, false},
		{"too few in the window", times(30, 10), times(5, 100), 0.05, false},
		{"one in three is slow", times(30, 10), append(times(20, 10), times(10, 100)...), 0.05, false},
		{"as many are slow as fast", append(times(15, 10), times(15, 100)...), append(times(15, 10), times(15, 100)...), 0.05, false},
	} {
		l := latencies{capture.Baseline: c.base, capture.InWindow: c.window}
		if by, ok := l.overhead(c.most); ok != c.costly {
			t.Errorf("%s: %.0f%% more, certainly more than %.0f%%: %v, want %v", c.name, 100*by, 100*c.most, ok, c.costly)
		}
	}
}

func TestProbesBackOffFromASlowService(t *testing.T) {
	for _, c := range []struct {
		name         string
		base, window []int64
		unanswered   int
		slow         bool
	}{
		{"as before", times(20, 10), times(20, 10), 1, false},
		{"three times as slow", times(20, 100), times(20, 300), 1, true},
		{"ten times as slow, and still fast", times(20, 2), times(20, 20), 1, false},
		{"it was slow and has recovered", times(20, 100), append(times(20, 300), times(8, 100)...), 1, false},
		{"nothing is answered", times(20, 10), nil, 16, true},
		{"a few are on their way", times(20, 10), nil, 8, false},
		{"many are on their way, as before", times(20, 2000), nil, 40, false},
		{"nothing is known of before", nil, times(20, 3000), 200, false},
	} {
		l := latencies{capture.Baseline: c.base, capture.InWindow: c.window}
		if slow := l.slow(c.unanswered, 20); slow != c.slow {
			t.Errorf("%s: slow %v, want %v", c.name, slow, c.slow)
		}
	}
}

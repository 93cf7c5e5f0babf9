package interval

import (
	"math"
	"testing"
)

func TestQuantilesAgreeWithTables(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"Student, 1 degree", Student(1), 12.7062},
		{"Student, 9 degrees", Student(9), 2.2622},
		{"Student, 120 degrees", Student(120), 1.9799},
		{"beta(2, 3), median", betaQuantile(0.5, 2, 3), 0.38573},
		{"beta(0.5, 0.5), 97.5%", betaQuantile(0.975, 0.5, 0.5), 0.99846},
	} {
		if math.Abs(tt.got-tt.want) > 1e-4*tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	// 4 of 20: Clopper and Pearson's own table.
	if low, high := ClopperPearson(0.2, 20); math.Abs(low-0.0573) > 1e-4 || math.Abs(high-0.4366) > 1e-4 {
		t.Errorf("4 of 20: %v to %v", low, high)
	}
}

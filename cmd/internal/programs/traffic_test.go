package programs

import (
	"testing"
	"time"
)

func TestSamplesOfASeries(t *testing.T) {
	page := []byte("# HELP x\nx_count{handler=\"a\",method=\"get\"} 3\nx_count{handler=\"a\",method=\"post\"} 4 1700000000\nx_sum{handler=\"a\"} 0.5\ny 9\nyy 8\n")
	for _, c := range []struct {
		s      Series
		metric string
		want   float64
	}{
		{Series{"x", []string{`handler="a"`}}, "x_count", 7},
		{Series{"x", []string{`handler="a"`, `method="post"`}}, "x_count", 4},
		{Series{"x", nil}, "x_sum", 0.5},
		{Series{"x", []string{`handler="b"`}}, "x_count", 0},
		{Series{"y", nil}, "y", 9},
	} {
		if got := c.s.sum(page, c.metric); got != c.want {
			t.Errorf("%s%v is %v, not %v", c.metric, c.s.Labels, got, c.want)
		}
	}
}

func TestRequestsBetweenTwoReadings(t *testing.T) {
	at := func(from, to int64) reading { return reading{from: time.Unix(0, from), to: time.Unix(0, to)} }
	clients := []Answered{
		{80, 99},   // over before the first
		{90, 105},  // counted before the first, or by the second only
		{105, 150}, // begun while the first was read
		{111, 190}, // surely between
		{150, 205}, // ended while the second was read
		{209, 220},
		{211, 230}, // begun after it
	}
	if least, most := answeredBetween(clients, at(100, 110), at(200, 210)); least != 1 || most != 5 {
		t.Errorf("between %d and %d, not between 1 and 5", least, most)
	}
}

package programs

import "testing"

func TestSamplesOfASeries(t *testing.T) {
	page := []byte("# HELP x\nx_count{handler=\"a\",method=\"get\"} 3\nx_count{handler=\"a\",method=\"post\"} 4 1700000000\nx_sum{handler=\"a\"} 0.5\ny 9\n")
	for _, c := range []struct {
		s      Series
		metric string
		want   float64
	}{
		{Series{"x", []string{`handler="a"`}}, "x_count", 7},
		{Series{"x", []string{`handler="a"`, `method="post"`}}, "x_count", 4},
		{Series{"x", nil}, "x_sum", 0.5},
		{Series{"x", []string{`handler="b"`}}, "x_count", 0},
	} {
		if got := c.s.sum(page, c.metric); got != c.want {
			t.Errorf("%s%v is %v, not %v", c.metric, c.s.Labels, got, c.want)
		}
	}
}

package interval

import (
	"math"
	"slices"
)

// Quantile returns the 95% interval of the q quantile of the values of a process, each
// element of which is those of a stretch of time, of equal lengths and in order. Within an
// element their order does not matter. Where the interval would reach beyond the largest value
// it ends there: high is then a lower bound of the true one.
//
// The share of values beyond the quantile is a ratio, whose interval leads to the values
// by their ranks.
func Quantile(values [][]int64, q float64) (low, high int64) {
	all := slices.Concat(values...)
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	at := func(q float64) int64 {
		return all[min(max(int(math.Ceil(q*float64(len(all))))-1, 0), len(all)-1)]
	}
	beyond, whole := make([]float64, len(values)), make([]float64, len(values))
	value := at(q)
	for i, list := range values {
		for _, v := range list {
			if v > value {
				beyond[i]++
			}
		}
		whole[i] = float64(len(list))
	}
	e, n := Ratio(beyond, whole), float64(len(all))
	if math.IsInf(e.Half, 1) {
		return all[0], all[len(all)-1]
	}
	if e.Half > 0 {
		z := e.Half / Normal
		n = min(n, e.Value*(1-e.Value)/(z*z))
	}
	// Korn and Graubard's interval: that of a share of as many independent values as would
	// have that variance.
	least, most := ClopperPearson(1-q, n)
	return at(1 - most), at(1 - least)
}

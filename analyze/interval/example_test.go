package interval_test

import (
	"fmt"

	"timesink/analyze/interval"
)

func ExampleRatio() {
	// The wall time and the number of requests in eight stretches of time, in ms.
	wall := []float64{410, 395, 402, 388, 420, 405, 391, 399}
	requests := []float64{4, 4, 4, 4, 4, 4, 4, 4}
	e := interval.Ratio(wall, requests)
	fmt.Printf("the mean is %.1f ± %.1f ms\n", e.Value, e.Half)
	// Output: the mean is 100.3 ± 2.2 ms
}

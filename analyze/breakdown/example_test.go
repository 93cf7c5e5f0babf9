package breakdown_test

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// A request's path accounts for its wall time without gap or overlap.
func Example() {
	r := breakdown.Request{Start: 0, End: 30, Path: []breakdown.Segment{
		{Start: 0, End: 10, Bucket: breakdown.CPU},
		{Start: 10, End: 30, Bucket: breakdown.DB, Phase: breakdown.Query},
	}}
	fmt.Println(r.Wall(), r.Check())
	r.Path = r.Path[:1]
	fmt.Println(r.Check())
	// Output:
	// 30 <nil>
	// request on goroutine 0: the path ends at 10, the request at 30
}

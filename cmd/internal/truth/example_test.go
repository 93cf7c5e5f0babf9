package truth_test

import (
	"encoding/json"
	"fmt"

	"timesink/cmd/internal/truth"
)

func Example() {
	body := `{"requests":[{"start_ns":1000,"end_ns":9000,"steps":[
		{"kind":"db","start_ns":1000,"end_ns":3000},
		{"kind":"upstream","detail":"recalls","start_ns":3000,"end_ns":6000},
		{"kind":"upstream","detail":"market","start_ns":6000,"end_ns":8000}]}]}`
	var t truth.Truth
	if err := json.Unmarshal([]byte(body), &t); err != nil {
		panic(err)
	}
	r := t.Requests[0]
	fmt.Println("wall", r.Wall(), "db", r.Spent(truth.DB), "upstream", r.Spent(truth.Upstream))
	// Output: wall 8µs db 2µs upstream 5µs
}

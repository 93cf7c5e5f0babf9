package rows_test

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/report/rows"
)

// The rows of a case have one place, whoever exports it.
func ExampleMaker_Path() {
	b := &breakdown.Breakdown{Source: breakdown.Source{Case: "ts-0123456789ab"}}
	m := rows.NewMaker(b, rows.About{Service: "checkout"}, "", nil, rows.Requests)
	fmt.Println(m.Path(rows.Requests, "parquet"))
	// Output: requests/service=checkout/date=__HIVE_DEFAULT_PARTITION__/ts-0123456789ab.parquet
}

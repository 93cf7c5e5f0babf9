// Package rows turns an answer and its requests into rows of tables, for engines that
// query many answers at once: which replica is odd, what got slower between versions, how
// a quantile moved over weeks.
//
// It stands beside the other formats of package report. A [Maker] makes the rows of one
// case; [NDJSON] writes them as lines of JSON, and package report/rows/parquet as columns.
// It is pure: the same case gives the same rows in the same order. It computes nothing but
// sums over a request's path, and decides neither where rows are stored nor how they get
// there.
//
// # Tables
//
//	cases     one row for each case: what was captured, and its totals
//	requests  one row for each request: when, which endpoint, and its time by bucket and phase
//	segments  one row for each step of a request's path
//	calls     one row for each call that a request made
//	findings  one row for each finding
//	samples   one row for each stack of CPU samples of a request
//
// Times are integers in nanoseconds; those named start_ns are since 1970, UTC. Rows of
// complete requests sum to exactly what the report says. Text that is unknown is "", and
// numbers that are unknown are 0.
//
// # Layout
//
// [Path] places a table's rows of one case at
//
//	TABLE/service=SERVICE/date=YYYY-MM-DD/CASE.parquet
//
// which engines read as partitions. The name derives from the case alone, so the same case
// replaces its file, with the same bytes. The columns service and date are in the path and
// not in the rows, as BigQuery and Trino require.
package rows

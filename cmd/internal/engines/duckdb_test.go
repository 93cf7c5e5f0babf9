package engines

import (
	"database/sql"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"timesink/analyze/breakdown"
)

// open returns a DuckDB with the tables of a folder, as the documented views make them.
func open(t testing.TB, dir, format string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	views := strings.ReplaceAll(query(t, "duckdb/tables.sql"), "'rows/", "'"+dir+"/")
	if format == "ndjson" {
		views = strings.NewReplacer("read_parquet", "read_json", ".parquet", ".ndjson").Replace(views)
	}
	if _, err := db.Exec("SET threads = 2; " + views); err != nil {
		t.Fatal(err)
	}
	return db
}

// openTables is open for folders that do not have all tables.
func openTables(t testing.TB, dir string, tables ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	views := "SET threads = 2;"
	for _, table := range tables {
		parquetFiles(t, dir, table)
		views += fmt.Sprintf(" CREATE VIEW %s AS SELECT * FROM read_parquet('%s/%s/**/*.parquet', hive_partitioning = true);", table, dir, table)
	}
	if _, err := db.Exec(views); err != nil {
		t.Fatal(err)
	}
	return db
}

// ask returns the rows of a query as text.
func ask(t testing.TB, db *sql.DB, text string) (out [][]string) {
	t.Helper()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), []any(nil)
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			row = append(row, fmt.Sprint(v))
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// DuckDB's totals are the report's, to the nanosecond, and the documented queries find what
// is there: what got slower, and the odd instance.
func TestDuckDB(t *testing.T) {
	for _, format := range []string{"parquet", "ndjson"} {
		t.Run(format, func(t *testing.T) {
			dir, answers := exportFleet(t, format)
			db := open(t, dir, format)
			checkTotals(t, ask(t, db, query(t, "duckdb/totals.sql")), totalsOf(answers...))
			checkFindings(t, answers, ask(t, db, query(t, "duckdb/odd.sql")), ask(t, db, everything(t, "duckdb/slower.sql")), ask(t, db, query(t, "duckdb/p99.sql")))
			for _, table := range []string{"cases", "requests", "segments", "calls", "findings", "samples"} {
				if n := ask(t, db, "SELECT count(*) FROM "+table)[0][0]; n == "0" {
					t.Errorf("the table %s is empty", table)
				}
			}
			segments := ask(t, db, "SELECT sum(time_ns)::BIGINT FROM segments")
			requests := ask(t, db, "SELECT sum(wall_ns)::BIGINT FROM requests")
			if segments[0][0] != requests[0][0] {
				t.Errorf("the segments sum to %s ns, the requests to %s", segments[0][0], requests[0][0])
			}
			if got := ask(t, db, "SELECT DISTINCT service, service_name, version FROM cases JOIN (SELECT DISTINCT case_id, service, date FROM requests) USING (case_id, service, date) ORDER BY ALL"); len(got) != 3 || got[0][0] != "checkout" {
				t.Errorf("the services and versions are %v", got)
			}
		})
	}
}

// checkFindings checks what the documented queries say of the fleet. slower must be all of its
// rows.
func checkFindings(t testing.TB, answers []*breakdown.Breakdown, odd, slower, p99 [][]string) {
	t.Helper()
	if len(odd) == 0 || slices.ContainsFunc(odd, func(row []string) bool { return row[2] != "pod-5" }) {
		t.Errorf("the odd instances are %v, not pod-5", odd)
	}
	var wall, requests [2]int64 // by version
	for i, of := range fleet {
		k := strings.Index("1.4 1.5", of.version) / 4
		wall[k] += answers[i].Endpoints[0].Wall.Total
		requests[k] += answers[i].Endpoints[0].Requests
	}
	want := (float64(wall[1])/float64(requests[1]) - float64(wall[0])/float64(requests[0])) / 1e6
	sum := 0.0
	for _, row := range slower {
		change, err := strconv.ParseFloat(row[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += change
	}
	if rounding := 0.001 * float64(len(slower)); len(slower) < 10 || math.Abs(sum-want) > rounding {
		t.Errorf("the changes at %d call sites sum to %.3f ms, the mean changed by %.3f", len(slower), sum, want)
	}
	if len(p99) < 2 {
		t.Errorf("there is the p99 of %d endpoints", len(p99))
	}
}

// everything returns a query without its limit.
func everything(t testing.TB, name string) string {
	return strings.Replace(query(t, name), "LIMIT 20", "", 1)
}

// parquetFiles returns the files of a table.
func parquetFiles(t testing.TB, dir, table string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, table, "*", "*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of %s: %v", table, err)
	}
	return files
}

package rows_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"timesink/analyze/breakdown"
	"timesink/report/rows"
)

var update = flag.Bool("update", false, "write the published schema")

// Each bucket and each of its phases has a column that holds its time, except for phases
// that single requests do not have: those that are estimates over many.
func TestEachBucketAndPhaseHasItsColumn(t *testing.T) {
	estimates := map[breakdown.Phase]bool{breakdown.OnCPU: true, breakdown.OffCPU: true, breakdown.HandedOver: true}
	columns := 0
	for b := range breakdown.NumBuckets {
		check := func(p breakdown.Phase, column string) {
			columns++
			row := toJSON(t, rowOf(t, &breakdown.Request{End: 7, Path: []breakdown.Segment{{End: 7, Bucket: b, Phase: p}}}))
			for name, value := range row {
				if ns, ok := strings.CutSuffix(name, "_ns"); !ok || ns == "wall" || ns == b.String() {
					continue
				} else if want := float64(0); name == column && value != 7.0 || name != column && value != want {
					t.Errorf("a request that spent 7 ns in %s %s has %s = %v", b, p, name, value)
				}
			}
			if row[b.String()+"_ns"] != 7.0 || row[column] != 7.0 {
				t.Errorf("a request that spent 7 ns in %s %s has %s = %v and %s_ns = %v", b, p, column, row[column], b, row[b.String()+"_ns"])
			}
		}
		check(breakdown.NoPhase, b.String()+"_ns")
		for _, p := range b.Info().Phases {
			if !estimates[p] {
				check(p, fmt.Sprintf("%s_%s_ns", b, p))
			}
		}
	}
	if have := reflect.TypeFor[rows.Buckets]().NumField() + reflect.TypeFor[rows.Phases]().NumField(); have != columns {
		t.Errorf("there are %d columns for %d buckets and phases", have, columns)
	}
}

// rowOf returns the row of a request.
func rowOf(t *testing.T, r *breakdown.Request) rows.Request {
	t.Helper()
	var batch rows.Batch
	rows.NewMaker(&breakdown.Breakdown{}, rows.About{}, "", nil, rows.Requests).Request(&breakdown.Listed{Request: r}, &batch)
	if len(batch.Requests) != 1 || batch.Len() != 1 {
		t.Fatalf("there are %d rows", batch.Len())
	}
	return batch.Requests[0]
}

func toJSON(t *testing.T, v any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// whole is a case in which every table has a row.
func whole() (*breakdown.Breakdown, *breakdown.Listed) {
	at := time.Date(2026, 11, 29, 23, 59, 59, 5, time.UTC)
	site := breakdown.Frame{Function: "main.(*API).fetch", File: "/home/mary/api.go", Line: 88}
	cause := &breakdown.Cause{State: "waiting", Reason: "network", System: "http", Rule: "net/http.(*Transport).roundTrip", Site: site,
		Stack: []breakdown.Frame{{Function: "runtime.gopark"}, site}, Activity: breakdown.Serializing}
	b := &breakdown.Breakdown{
		Source: breakdown.Source{
			Target: "http://10.0.0.7:6060", GoVersion: "go1.26.8", CapturedAt: &at, Window: 2e9, Covered: 1e9, GOMAXPROCS: 4, Case: "ts-0123456789ab",
			Evidence: []breakdown.Evidence{{Case: "ts-0123456789ab", Tool: "v1", Start: 100, Offset: at.UnixNano() - 100, Clocked: true}},
		},
		Endpoints: []breakdown.Endpoint{{Name: "main.(*API).Decode", Requests: 1, Wall: breakdown.Stats{Total: 50}, Buckets: []breakdown.BucketTime{{Bucket: breakdown.Upstream, Total: 50}}}},
		Findings:  []breakdown.Finding{{ID: "sequential-calls", Title: "calls are made one after another", Evidence: []string{"4 calls"}}},
		Warnings:  []breakdown.Warning{{Code: "trace-truncated", Message: "cut"}},
	}
	r := &breakdown.Request{Goroutine: 18, Start: 200, End: 250, Ran: 3, Samples: []*breakdown.Cause{cause, cause},
		Path:  []breakdown.Segment{{Start: 200, End: 250, Goroutine: 19, Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: cause, Behind: []breakdown.Behind{{Time: 4}}}},
		Calls: []breakdown.Call{{Start: 200, End: 240, Between: 10, OnPath: 30, Goroutine: 19, Bucket: breakdown.Upstream, System: "http", Site: site, Dialed: true, Dialing: 2, Trips: 1}},
	}
	id := breakdown.RequestID{Goroutine: 18, Start: 200}
	return b, &breakdown.Listed{ID: id, Endpoint: "main.(*API).Decode", Route: "GET /users/mary", Kind: "http/1", Request: r}
}

func mask(text string) string {
	return strings.NewReplacer("mary", "[user]", "10.0.0.7", "[host]").Replace(text)
}

// All rows of a case, as lines of JSON.
func TestRowsOfACase(t *testing.T) {
	b, request := whole()
	about := rows.About{Labels: map[string]string{"version": "1.4.2", "zone": "a"}}
	m := rows.NewMaker(b, about, "/srv/bin/checkout", mask, rows.Tables()...)
	var batch rows.Batch
	m.Case(&batch)
	m.Request(request, &batch)
	m.Request(request, &batch)
	for table, want := range map[rows.Table]map[string]any{
		rows.Cases: {"schema": "timesink.rows/1", "case_id": "ts-0123456789ab", "service_name": "checkout", "version": "1.4.2",
			"labels": `{"version":"1.4.2","zone":"a"}`, "clock": "wall", "requests": 1.0, "wall_ns": 50.0, "upstream_ns": 50.0, "db_ns": 0.0,
			"warnings": []any{"trace-truncated"}, "gomaxprocs": 4.0},
		rows.Requests: {"request": 2.0, "goroutine": 18.0, "route": "GET /users/[user]", "wall_ns": 50.0, "upstream_ns": 50.0,
			"upstream_response_wait_ns": 50.0, "upstream_calls": 1.0, "calls_ns": 30.0, "dials": 1.0, "ran_ns": 3.0, "version": "1.4.2"},
		rows.Segments: {"request": 2.0, "seq": 1.0, "time_ns": 50.0, "behind_ns": 4.0, "bucket": "upstream", "phase": "response_wait", "system": "http",
			"function": "main.(*API).fetch", "file": "/home/[user]/api.go", "line": 88.0, "state": "waiting", "reason": "network"},
		rows.Calls:    {"request": 2.0, "time_ns": 30.0, "on_path_ns": 30.0, "dialed": true, "dialing_ns": 2.0, "round_trips": 1.0},
		rows.Findings: {"id": "sequential-calls", "seq": 1.0},
		rows.Samples:  {"request": 2.0, "samples": 2.0, "leaf": "runtime.gopark", "stack": "main.(*API).fetch;runtime.gopark", "activity": "serialization"},
	} {
		var out bytes.Buffer
		w, err := rows.NDJSON(&out, table)
		if err == nil {
			err = w.Write(&batch)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		var last map[string]any
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		for name, value := range want {
			if !reflect.DeepEqual(last[name], value) {
				t.Errorf("%s.%s is %v, want %v", table, name, last[name], value)
			}
		}
		for _, c := range rows.Columns(table) {
			if _, ok := last[c.Name]; !ok || c.Doc == "" || strings.Contains(c.Doc, "$") {
				t.Errorf("%s.%s is missing, or not described: %q", table, c.Name, c.Doc)
			}
		}
		if len(last) != len(rows.Columns(table)) {
			t.Errorf("a row of %s has %d columns, and %d are described", table, len(last), len(rows.Columns(table)))
		}
		validate(t, table, lines)
	}
	if start := batch.Requests[0].Start; start != b.Source.CapturedAt.UnixNano()+100 {
		t.Errorf("the request began at %d", start)
	}
	for table, want := range map[rows.Table]string{
		rows.Requests: "requests/service=checkout/date=2026-11-29/ts-0123456789ab.ndjson",
	} {
		if got := m.Path(table, "ndjson"); got != want {
			t.Errorf("the rows are at %s, want %s", got, want)
		}
	}
}

// validate checks rows against the published schema.
func validate(t *testing.T, table rows.Table, lines []string) {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(rows.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rows.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rows.json#/$defs/" + string(table))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = s.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", table, err, line)
		}
	}
}

// Names that are not fit for a path do not lead out of the folder, and a date that is not
// known is a partition without a value.
func TestPathsStayInTheFolder(t *testing.T) {
	for _, c := range []struct{ service, id, want string }{
		{"a b/../c", "ts-1", "cases/service=a_b_.._c/date=__HIVE_DEFAULT_PARTITION__/ts-1.parquet"},
		{"..", "../../etc", "cases/service=_/date=__HIVE_DEFAULT_PARTITION__/.._.._etc.parquet"},
		{"", "", "cases/service=unknown_service_go/date=__HIVE_DEFAULT_PARTITION__/unknown.parquet"},
		{"日本", "ts-1", "cases/service=__/date=__HIVE_DEFAULT_PARTITION__/ts-1.parquet"},
	} {
		m := rows.NewMaker(&breakdown.Breakdown{Source: breakdown.Source{Case: c.id}}, rows.About{Service: c.service}, "", nil)
		if got := m.Path(rows.Cases, "parquet"); got != c.want {
			t.Errorf("the service %q is filed at %s, want %s", c.service, got, c.want)
		}
	}
}

// The service is named by what is given, its label, or its executable.
func TestTheServicesName(t *testing.T) {
	for _, c := range []struct {
		about      rows.About
		executable string
		want       string
	}{
		{rows.About{Service: "given", Labels: map[string]string{"service": "label"}}, "/bin/x", "given"},
		{rows.About{Labels: map[string]string{"service": "label"}}, "/bin/x", "label"},
		{rows.About{}, "/bin/checkout", "checkout"},
		{rows.About{}, `C:\srv\checkout.exe`, "checkout"},
		{rows.About{}, "", "unknown_service:go"},
	} {
		var batch rows.Batch
		rows.NewMaker(&breakdown.Breakdown{}, c.about, c.executable, nil, rows.Cases).Case(&batch)
		if got := batch.Cases[0].Service; got != c.want {
			t.Errorf("%+v, %s: the service is %q, want %q", c.about, c.executable, got, c.want)
		}
	}
}

// The published schema is that of the tables. A column that was published stays.
func TestThePublishedSchema(t *testing.T) {
	const file = "../schema/rows-1.json"
	if *update {
		if err := os.WriteFile(file, rows.JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	published, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, rows.JSONSchema()) {
		t.Errorf("%s is not the schema of the tables: run go test ./report/rows -update, and see that only columns were added", file)
	}
}

package parquet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	reader "github.com/parquet-go/parquet-go"

	"timesink/report/rows"
	"timesink/report/rows/parquet"
)

// random fills in a row with values like those of a capture: names from a few, times that
// rise, and many zeros.
func random[T any](rng *rand.Rand, n int) []T {
	list := make([]T, n)
	for i := range list {
		fill(rng, reflect.ValueOf(&list[i]).Elem(), int64(i))
	}
	return list
}

func fill(rng *rand.Rand, v reflect.Value, nth int64) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			fill(rng, f, nth)
		case reflect.String:
			f.SetString(fmt.Sprintf("main.(*API).handle%d", rng.IntN(20)))
		case reflect.Bool:
			f.SetBool(rng.IntN(10) == 0)
		case reflect.Float64:
			f.SetFloat(rng.Float64())
		case reflect.Slice:
			list := []string{}
			for range rng.IntN(3) {
				list = append(list, "trace-truncated")
			}
			f.Set(reflect.ValueOf(list))
		case reflect.Int32:
			f.SetInt(int64(rng.Int32() - 1<<30))
		default:
			if f.SetInt(0); rng.IntN(2) == 0 {
				f.SetInt(1_795_954_329_054_800_669 + nth*1000 + rng.Int64N(5000))
			}
		}
	}
}

// written writes a batch in two parts.
func written(t *testing.T, table rows.Table, batches ...*rows.Batch) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := parquet.NewWriter(&buf, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// check writes rows twice and reads them back.
func check[T any](t *testing.T, table rows.Table, n int, batch func([]T) *rows.Batch) {
	t.Helper()
	want := random[T](rand.New(rand.NewPCG(1, uint64(n))), n)
	half := n / 2
	data := written(t, table, batch(want[:half]), batch(want[half:]))
	if again := written(t, table, batch(want[:half]), batch(want[half:])); !bytes.Equal(data, again) {
		t.Errorf("%s: the same rows give other bytes", table)
	}
	got, err := reader.Read[T](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	for i := range got {
		normalize(reflect.ValueOf(&got[i]).Elem())
	}
	if len(got) != n || n > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: of %d rows, %d came back, or others", table, n, len(got))
	}
	f, err := reader.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names, columns []string
	for _, c := range f.Root().Columns() {
		names = append(names, c.Name())
	}
	for _, c := range rows.Columns(table) {
		columns = append(columns, c.Name)
	}
	if !reflect.DeepEqual(names, columns) {
		t.Errorf("%s: the columns are %v, the schema's %v", table, names, columns)
	}
	if schema, ok := f.Lookup("schema"); !ok || schema != rows.Schema {
		t.Errorf("%s: the file says the schema is %q", table, schema)
	}
}

// normalize makes lists that came back as nil empty.
func normalize(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.IsNil() {
			f.Set(reflect.ValueOf([]string{}))
		}
	}
}

// Every table comes back as it was written, and the same rows give the same bytes.
func TestRowsComeBack(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		check(t, rows.Cases, n, func(l []rows.Case) *rows.Batch { return &rows.Batch{Cases: l} })
		check(t, rows.Requests, n, func(l []rows.Request) *rows.Batch { return &rows.Batch{Requests: l} })
		check(t, rows.Segments, n, func(l []rows.Segment) *rows.Batch { return &rows.Batch{Segments: l} })
		check(t, rows.Calls, n, func(l []rows.Call) *rows.Batch { return &rows.Batch{Calls: l} })
		check(t, rows.Findings, n, func(l []rows.Finding) *rows.Batch { return &rows.Batch{Findings: l} })
		check(t, rows.Samples, n, func(l []rows.Sample) *rows.Batch { return &rows.Batch{Samples: l} })
	}
	if _, err := parquet.NewWriter(nil, "spans"); err == nil {
		t.Error("there is a table spans")
	}
}

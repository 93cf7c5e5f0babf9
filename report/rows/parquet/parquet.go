// Package parquet writes tables of rows in columns, as Parquet files.
//
// It is the columnar sibling of rows.NDJSON: what is in the rows, and where they belong, is
// decided there. Times and counts are delta-encoded, names are in a dictionary, and pages
// are compressed with zstd. The same rows give the same bytes.
package parquet

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"timesink/report/rows"
)

// groupRows is how many rows are in a row group: engines read groups in parallel, and a
// writer holds one of them. Tests write smaller ones.
var groupRows int64 = 1 << 18

// pageBytes is the size of a page before compression. A writer holds one of each column.
const pageBytes = 128 << 10

// codec compresses at the fastest level: the encodings before it have taken out most.
var codec = &zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}

// NewWriter returns a Writer that writes a table's rows to w. It returns an error for a table
// that does not exist.
func NewWriter(w io.Writer, t rows.Table) (rows.Writer, error) {
	switch t {
	case rows.Cases:
		return newColumns(w, func(b *rows.Batch) []rows.Case { return b.Cases }), nil
	case rows.Requests:
		return newColumns(w, func(b *rows.Batch) []rows.Request { return b.Requests }), nil
	case rows.Segments:
		return newColumns(w, func(b *rows.Batch) []rows.Segment { return b.Segments }), nil
	case rows.Calls:
		return newColumns(w, func(b *rows.Batch) []rows.Call { return b.Calls }), nil
	case rows.Findings:
		return newColumns(w, func(b *rows.Batch) []rows.Finding { return b.Findings }), nil
	case rows.Samples:
		return newColumns(w, func(b *rows.Batch) []rows.Sample { return b.Samples }), nil
	}
	return nil, fmt.Errorf("there is no table %q", t)
}

type columns[T any] struct {
	w  *parquet.GenericWriter[T]
	of func(*rows.Batch) []T
}

func newColumns[T any](w io.Writer, of func(*rows.Batch) []T) *columns[T] {
	return &columns[T]{of: of, w: parquet.NewGenericWriter[T](w,
		parquet.Compression(codec), parquet.PageBufferSize(pageBytes), parquet.MaxRowsPerRowGroup(groupRows),
		parquet.CreatedBy("timesink", "1", ""), parquet.KeyValueMetadata("schema", rows.Schema), parquet.DataPageStatistics(true))}
}

func (c *columns[T]) Write(b *rows.Batch) error {
	_, err := c.w.Write(c.of(b))
	return err
}

func (c *columns[T]) Close() error { return c.w.Close() }

package pgstandin

import (
	"bytes"
	"math"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// TestEncodingAgreesWithPgx compares the encoding of each type with pgx's.
func TestEncodingAgreesWithPgx(t *testing.T) {
	known := pgtype.NewMap()
	for oid, values := range map[uint32][]any{
		Int8:   {int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64)},
		Int4:   {int32(0), int32(-1), int32(math.MaxInt32), int32(math.MinInt32)},
		Float8: {0.0, -1.5, 0.002, 1e300, math.Inf(1)},
		Text:   {"", "it's", "\x00", "日本語"},
	} {
		for _, format := range []int16{textFormat, binaryFormat} {
			for _, value := range append(values, nil) {
				got, err := encode(oid, format, value)
				if err != nil {
					t.Fatal(err)
				}
				back, err := decode(oid, format, got)
				if err != nil || back != value {
					t.Errorf("type %d, format %d: %v came back as %v, %v", oid, format, value, back, err)
				}
				want, err := known.Encode(oid, format, value, []byte{})
				if err != nil {
					t.Fatal(err)
				}
				of, _ := known.TypeForOID(oid)
				theirs, err := of.Codec.DecodeValue(known, oid, format, got)
				if err != nil || theirs != value || (want == nil) != (got == nil) {
					t.Errorf("type %d, format %d: pgx reads %v as %v, %v", oid, format, value, theirs, err)
				}
				if format == binaryFormat && !bytes.Equal(got, want) {
					t.Errorf("type %d: %v is %x, not %x", oid, value, got, want)
				}
			}
		}
	}
}

func TestInvalidValuesAreErrors(t *testing.T) {
	for _, c := range []struct {
		oid    uint32
		format int16
		data   string
	}{
		{Int4, textFormat, "x"}, {Int4, textFormat, "2147483648"}, {Int8, textFormat, ""}, {Float8, textFormat, "1,5"},
		{Int4, binaryFormat, "abc"}, {Int8, binaryFormat, "abcd"}, {Float8, binaryFormat, ""}, {16, textFormat, "t"}, {16, binaryFormat, "t"},
	} {
		if value, err := decode(c.oid, c.format, []byte(c.data)); err == nil {
			t.Errorf("%q of type %d is %v", c.data, c.oid, value)
		}
	}
	for oid, value := range map[uint32]any{Int4: int64(1), Int8: int32(1), Text: 1.5, Float8: "x", 16: true} {
		if data, err := encode(oid, textFormat, value); err == nil {
			t.Errorf("%v of type %d is %q", value, oid, data)
		}
	}
}

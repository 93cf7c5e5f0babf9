package pgstandin

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// The OIDs of the types that the stand-in knows, and the Go types of their values.
const (
	Int8   = 20  // int64
	Int4   = 23  // int32
	Text   = 25  // string
	Float8 = 701 // float64

	unknownType = 705 // the client leaves the type to the server
)

// The formats of values on the wire.
const (
	textFormat   = 0
	binaryFormat = 1
)

// decode decodes a value of a type. It returns nil for NULL.
func decode(oid uint32, format int16, data []byte) (any, error) {
	if data == nil {
		return nil, nil
	}
	if format == binaryFormat && oid != Text {
		return decodeBinary(oid, data)
	}
	text := string(data)
	switch oid {
	case Int8:
		return strconv.ParseInt(text, 10, 64)
	case Int4:
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err
	case Float8:
		return strconv.ParseFloat(text, 64)
	case Text:
		return text, nil
	}
	return nil, noType(oid)
}

func decodeBinary(oid uint32, data []byte) (any, error) {
	size := map[uint32]int{Int8: 8, Int4: 4, Float8: 8}[oid]
	switch {
	case size == 0:
		return nil, noType(oid)
	case len(data) != size:
		return nil, fmt.Errorf("a value of %d bytes for a type of %d", len(data), size)
	case oid == Int4:
		return int32(binary.BigEndian.Uint32(data)), nil
	case oid == Float8:
		return math.Float64frombits(binary.BigEndian.Uint64(data)), nil
	}
	return int64(binary.BigEndian.Uint64(data)), nil
}

// encode encodes a value of a type. It returns nil for nil, which is NULL, and a
// non-nil slice for any other value.
func encode(oid uint32, format int16, value any) ([]byte, error) {
	out := []byte{}
	asBinary := format == binaryFormat
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		if oid == Text {
			return append(out, v...), nil
		}
	case int64:
		switch {
		case oid == Int8 && asBinary:
			return binary.BigEndian.AppendUint64(out, uint64(v)), nil
		case oid == Int8:
			return strconv.AppendInt(out, v, 10), nil
		}
	case int32:
		switch {
		case oid == Int4 && asBinary:
			return binary.BigEndian.AppendUint32(out, uint32(v)), nil
		case oid == Int4:
			return strconv.AppendInt(out, int64(v), 10), nil
		}
	case float64:
		switch {
		case oid == Float8 && asBinary:
			return binary.BigEndian.AppendUint64(out, math.Float64bits(v)), nil
		case oid == Float8:
			return strconv.AppendFloat(out, v, 'g', -1, 64), nil
		}
	}
	return nil, fmt.Errorf("a %T is not a value of the type with OID %d", value, oid)
}

func noType(oid uint32) error { return &failure{"42704", fmt.Sprintf("no type with OID %d", oid)} }

package report_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"timesink/report"
)

// An otlpRequest is the part of an ExportTraceServiceRequest in JSON that timesink
// writes. cmd/internal/otlp checks that OpenTelemetry's own library reads and writes
// the same, in both encodings.
type otlpRequest struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []keyValue }
		ScopeSpans []struct {
			Scope     struct{ Name string }
			Spans     []*span
			SchemaURL string
		}
		SchemaURL string
	}
}

type span struct {
	TraceID, SpanID, ParentSpanID      hexID
	Name                               string
	Kind                               int
	StartTimeUnixNano, EndTimeUnixNano uint64 `json:",string"`
	Attributes                         []keyValue
	Status                             struct{}
}

type keyValue struct {
	Key   string
	Value struct {
		StringValue *string
		IntValue    *string
		BoolValue   *bool
	}
}

// The kinds of spans.
const (
	internalSpan = iota + 1
	serverSpan
	clientSpan
	producerSpan
	consumerSpan
)

type hexID []byte

func (id *hexID) UnmarshalText(text []byte) (err error) {
	*id, err = hex.AppendDecode(nil, text)
	return err
}

// A spanned is a span with its decoded attributes.
type spanned struct {
	*span
	attrs    map[string]any
	resource map[string]any
}

func (s *spanned) length() int64 { return int64(s.EndTimeUnixNano - s.StartTimeUnixNano) }

func (s *spanned) number(key string) int64 { n, _ := s.attrs[key].(int64); return n }

func valuesOf(t *testing.T, list []keyValue) map[string]any {
	t.Helper()
	values := map[string]any{}
	for _, kv := range list {
		if _, twice := values[kv.Key]; twice {
			t.Errorf("%s is set twice", kv.Key)
		}
		switch v := kv.Value; {
		case v.StringValue != nil:
			values[kv.Key] = *v.StringValue
			if !safe(*v.StringValue) || *v.StringValue == "" {
				t.Errorf("%s is %q", kv.Key, *v.StringValue)
			}
		case v.IntValue != nil:
			n, err := strconv.ParseInt(*v.IntValue, 10, 64)
			if err != nil {
				t.Errorf("%s: %v", kv.Key, err)
			}
			values[kv.Key] = n
		case v.BoolValue != nil:
			values[kv.Key] = *v.BoolValue
		default:
			t.Errorf("%s has no value", kv.Key)
		}
	}
	return values
}

// spansOf writes a case as JSON and reads it back.
func spansOf(t *testing.T, c aCase) []*spanned {
	t.Helper()
	data := twice(t, c.name, func(buf *bytes.Buffer) error {
		return report.OTLP(buf, c.b, c.specimens, report.OTLPOptions{})
	})
	var request otlpRequest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	var list []*spanned
	for _, rs := range request.ResourceSpans {
		resource := valuesOf(t, rs.Resource.Attributes)
		for _, ss := range rs.ScopeSpans {
			if ss.Scope.Name != "timesink" || ss.SchemaURL != "https://opentelemetry.io/schemas/1.43.0" || rs.SchemaURL != ss.SchemaURL {
				t.Errorf("%s: the scope is %s with %s", c.name, ss.Scope.Name, ss.SchemaURL)
			}
			for _, s := range ss.Spans {
				list = append(list, &spanned{s, valuesOf(t, s.Attributes), resource})
			}
		}
	}
	return list
}

// A field is a field of a protobuf message: its number, and either bytes or an integer.
type field struct {
	number uint64
	bytes  []byte
	value  uint64
}

// fieldsOf reads a protobuf message.
func fieldsOf(t *testing.T, b []byte) (list []field) {
	t.Helper()
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatalf("%x is not a varint", b)
		}
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		tag := next()
		f := field{number: tag >> 3}
		switch tag & 7 {
		case 0:
			f.value = next()
		case 1:
			f.value, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			n := next()
			f.bytes, b = b[:n:n], b[n:]
		default:
			t.Fatalf("field %d is of type %d", tag>>3, tag&7)
		}
		list = append(list, f)
	}
	return list
}

func spanOf(t *testing.T, b []byte) *span {
	s := &span{}
	for _, f := range fieldsOf(t, b) {
		switch f.number {
		case 1:
			s.TraceID = f.bytes
		case 2:
			s.SpanID = f.bytes
		case 4:
			if len(f.bytes) > 0 {
				s.ParentSpanID = f.bytes
			}
		case 5:
			s.Name = string(f.bytes)
		case 6:
			s.Kind = int(f.value)
		case 7:
			s.StartTimeUnixNano = f.value
		case 8:
			s.EndTimeUnixNano = f.value
		case 9:
			s.Attributes = append(s.Attributes, keyValueOf(t, f.bytes))
		case 15:
			if len(f.bytes) > 0 {
				t.Errorf("the status is %x", f.bytes)
			}
		default:
			t.Errorf("a span has field %d", f.number)
		}
	}
	return s
}

func keyValueOf(t *testing.T, b []byte) (kv keyValue) {
	fields := fieldsOf(t, b)
	slices.SortFunc(fields, func(x, y field) int { return cmp.Compare(x.number, y.number) })
	if len(fields) != 2 || fields[0].number != 1 || fields[1].number != 2 {
		t.Fatalf("an attribute is %v", fields)
	}
	kv.Key = string(fields[0].bytes)
	values := fieldsOf(t, fields[1].bytes)
	if len(values) != 1 {
		t.Fatalf("%s has %d values", kv.Key, len(values))
	}
	switch v := values[0]; v.number {
	case 1:
		kv.Value.StringValue = new(string(v.bytes))
	case 2:
		kv.Value.BoolValue = new(v.value == 1)
	case 3:
		kv.Value.IntValue = new(strconv.FormatInt(int64(v.value), 10))
	}
	return kv
}

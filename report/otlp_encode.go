package report

import (
	"encoding/binary"
	"strconv"
)

// This file implements the part of OpenTelemetry's protocol that OTLP writes, in both
// encodings. Field numbers are those of trace.proto, common.proto and resource.proto.
// In JSON, IDs are hexadecimal, 64-bit integers are strings, and enumerations are
// numbers.

// otlpTraces is an ExportTraceServiceRequest.
type otlpTraces struct{ scopes []*otlpScope }

// An otlpScope is a ResourceSpans with its one ScopeSpans.
type otlpScope struct {
	resource attributes
	name     string // of the scope
	schema   string // its URL, for both messages
	spans    []*otlpSpan
}

// An otlpSpan is a Span. Times are in ns since 1970. The parent's ID is all zeros if
// there is none.
type otlpSpan struct {
	trace      traceID
	id, parent spanID
	name       string
	kind       otlpKind
	start, end uint64
	attributes attributes
}

type (
	traceID [16]byte
	spanID  [8]byte
)

// An otlpKind is a SpanKind.
type otlpKind uint64

const (
	kindInternal otlpKind = iota + 1
	kindServer
	kindClient
	kindProducer
	kindConsumer
)

// An attribute is a KeyValue: its value is a string, an int64 or a bool.
type attribute struct {
	key   string
	value any
}

// put sets an attribute. An existing key keeps its position.
func (a *attributes) put(key string, value any) {
	for i := range a.list {
		if a.list[i].key == key {
			a.list[i].value = value
			return
		}
	}
	a.list = append(a.list, attribute{key, value})
}

// The wire types of protobuf fields.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func appendTag(b []byte, field, wire uint64) []byte { return binary.AppendUvarint(b, field<<3|wire) }

func appendVarint(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(appendTag(b, field, wireVarint), v)
}

// appendFixed64 omits zero, as protobuf does.
func appendFixed64(b []byte, field, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint64(appendTag(b, field, wireFixed64), v)
}

// appendBytes appends a string or a message.
func appendBytes[T string | []byte](b []byte, field uint64, v T) []byte {
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// proto encodes the request as protobuf. Protobuf allows fields in any order; the last
// come first here, which gives the same bytes as OpenTelemetry's own library.
func (t *otlpTraces) proto() []byte {
	var out []byte
	for _, s := range t.scopes {
		out = appendBytes(out, 1, s.proto())
	}
	return out
}

func (s *otlpScope) proto() []byte {
	var span []byte
	spans := appendBytes(nil, 3, s.schema)
	for _, sp := range s.spans {
		span = sp.appendProto(span[:0])
		spans = appendBytes(spans, 2, span)
	}
	spans = appendBytes(spans, 1, appendBytes(nil, 1, s.name))
	out := appendBytes(nil, 3, s.schema)
	out = appendBytes(out, 2, spans)
	return appendBytes(out, 1, s.resource.appendProto(nil, 1))
}

func (s *otlpSpan) appendProto(b []byte) []byte {
	b = appendBytes(b, 15, "") // the status, unset
	b = s.attributes.appendProto(b, 9)
	b = appendFixed64(b, 8, s.end)
	b = appendFixed64(b, 7, s.start)
	b = appendVarint(b, 6, uint64(s.kind))
	if s.name != "" {
		b = appendBytes(b, 5, s.name)
	}
	parent := s.parent[:]
	if s.parent == (spanID{}) {
		parent = nil
	}
	b = appendBytes(b, 4, parent)
	b = appendBytes(b, 2, s.id[:])
	return appendBytes(b, 1, s.trace[:])
}

// appendProto appends each attribute as that field.
func (a *attributes) appendProto(b []byte, field uint64) []byte {
	var kv, value []byte
	for _, at := range a.list {
		switch v := at.value.(type) {
		case string:
			value = appendBytes(value[:0], 1, v)
		case bool:
			n := uint64(0)
			if v {
				n = 1
			}
			value = appendVarint(value[:0], 2, n)
		case int64:
			value = appendVarint(value[:0], 3, uint64(v))
		}
		kv = appendBytes(appendBytes(kv[:0], 2, value), 1, at.key)
		b = appendBytes(b, field, kv)
	}
	return b
}

// json encodes the request as JSON.
func (t *otlpTraces) json() []byte {
	out := []byte{'{'}
	for i, s := range t.scopes {
		out = appendNext(out, i, `"resourceSpans":[`)
		out = append(out, `{"resource":{`...)
		out = s.resource.appendJSON(out, "")
		out = append(out, `},"scopeSpans":[{"scope":{"name":`...)
		out = append(appendText(out, s.name), '}')
		for j, sp := range s.spans {
			out = appendNext(out, j, `,"spans":[`)
			out = sp.appendJSON(out)
		}
		out = appendEnd(out, len(s.spans))
		out = appendText(append(out, `,"schemaUrl":`...), s.schema)
		out = appendText(append(out, `}],"schemaUrl":`...), s.schema)
		out = append(out, '}')
	}
	return append(appendEnd(out, len(t.scopes)), '}')
}

// appendNext appends opening before a list's first element, and a comma before the
// others. A list without elements is omitted.
func appendNext(b []byte, i int, opening string) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return append(b, opening...)
}

func appendEnd(b []byte, elements int) []byte {
	if elements == 0 {
		return b
	}
	return append(b, ']')
}

func (s *otlpSpan) appendJSON(b []byte) []byte {
	b = appendHex(append(b, `{"traceId":`...), s.trace[:])
	b = appendHex(append(b, `,"spanId":`...), s.id[:])
	if s.parent != (spanID{}) {
		b = appendHex(append(b, `,"parentSpanId":`...), s.parent[:])
	}
	if s.name != "" {
		b = appendText(append(b, `,"name":`...), s.name)
	}
	b = strconv.AppendUint(append(b, `,"kind":`...), uint64(s.kind), 10)
	if s.start != 0 {
		b = append(strconv.AppendUint(append(b, `,"startTimeUnixNano":"`...), s.start, 10), '"')
	}
	if s.end != 0 {
		b = append(strconv.AppendUint(append(b, `,"endTimeUnixNano":"`...), s.end, 10), '"')
	}
	b = s.attributes.appendJSON(b, ",")
	return append(b, `,"status":{}}`...)
}

// appendJSON appends the attributes as an object's member, after a separator.
func (a *attributes) appendJSON(b []byte, separator string) []byte {
	for i, at := range a.list {
		b = appendNext(b, i, separator+`"attributes":[`)
		b = appendText(append(b, `{"key":`...), at.key)
		switch v := at.value.(type) {
		case string:
			b = appendText(append(b, `,"value":{"stringValue":`...), v)
		case bool:
			b = strconv.AppendBool(append(b, `,"value":{"boolValue":`...), v)
		case int64:
			b = append(strconv.AppendInt(append(b, `,"value":{"intValue":"`...), v, 10), '"')
		}
		b = append(b, "}}"...)
	}
	return appendEnd(b, len(a.list))
}

const hexDigits = "0123456789abcdef"

// appendHex appends an ID as a JSON string.
func appendHex(b, id []byte) []byte {
	b = append(b, '"')
	for _, c := range id {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, '"')
}

// appendText appends a text as a JSON string. Characters beyond ASCII stay as they are.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

package send

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

// rejected returns how many spans an answer of a collector says it rejected, and why. The
// answer is an ExportTraceServiceResponse, in protobuf or JSON; one that cannot be read
// rejects nothing.
func rejected(media string, said []byte) (n int64, why string) {
	if strings.HasPrefix(media, "application/json") {
		var answer struct {
			PartialSuccess struct {
				RejectedSpans json.Number `json:"rejectedSpans"`
				ErrorMessage  string      `json:"errorMessage"`
			} `json:"partialSuccess"`
		}
		if json.Unmarshal(said, &answer) != nil {
			return 0, ""
		}
		n, _ = answer.PartialSuccess.RejectedSpans.Int64()
		return n, answer.PartialSuccess.ErrorMessage
	}
	fields(said, func(number uint64, _ uint64, partial []byte) { // 1: partial_success
		if number == 1 {
			fields(partial, func(number, value uint64, text []byte) { // 1: rejected_spans, 2: error_message
				switch number {
				case 1:
					n = int64(value)
				case 2:
					why = oneLine(text)
				}
			})
		}
	})
	return n, why
}

// fields calls f with the varint and length-delimited fields of a protobuf message, up to
// where it cannot be read.
func fields(message []byte, f func(number, value uint64, text []byte)) {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		if n <= 0 || key&7 != 0 && key&7 != 2 {
			return
		}
		message = message[n:]
		var text []byte
		if key&7 == 2 {
			if value > uint64(len(message)) {
				return
			}
			text, message = message[:value], message[value:]
		}
		f(key>>3, value, text)
	}
}

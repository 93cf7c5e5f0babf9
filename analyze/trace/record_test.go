package trace

import (
	"testing"
	"unsafe"
)

// Budgets are computed with the size of a record.
func TestRecordSizeIsTheSizeOfARecord(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size != recordSize {
		t.Errorf("a Record has %d bytes, recordSize is %d", size, recordSize)
	}
}

func TestFixedReasonsHaveTheirNames(t *testing.T) {
	for name, n := range reasonNumbers {
		if n >= firstOtherReason {
			t.Errorf("%q has number %d, which is not fixed", name, n)
		}
		if short := n.String(); n != ReasonGC && reasonNumbers[short] != n {
			t.Errorf("%q has the name %q, which is another reason", name, short)
		}
	}
	if other := (firstOtherReason + 7).String(); other != "other" {
		t.Errorf("a reason that is not fixed has the name %q", other)
	}
}

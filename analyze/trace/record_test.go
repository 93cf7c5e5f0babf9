package trace

import (
	"testing"
	"unsafe"
)

// What a budget lets in is counted in records.
func TestARecordIsAsLargeAsItIsCounted(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size != recordSize {
		t.Errorf("a record has %d bytes, and %d are counted", size, recordSize)
	}
}

func TestFixedReasonsHaveTheirNames(t *testing.T) {
	for name, n := range reasonNumbers {
		if n >= firstOtherReason {
			t.Errorf("%q has number %d, which is not fixed", name, n)
		}
		if short := n.String(); n != ReasonGC && reasonNumbers[short] != n {
			t.Errorf("%q is called %q, which is another reason", name, short)
		}
	}
	if other := (firstOtherReason + 7).String(); other != "other" {
		t.Errorf("a reason that is not fixed is called %q", other)
	}
}

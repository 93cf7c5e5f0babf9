package timeline

import (
	"testing"
	"unsafe"
)

// A busy service starts a goroutine for each request: each fits two cache lines, and what
// every event needs is in the first one.
func TestAGoroutineFitsTwoCacheLines(t *testing.T) {
	var g goroutine
	if size := unsafe.Sizeof(g); size != 128 {
		t.Errorf("a goroutine takes %d bytes", size)
	}
	if hot := unsafe.Offsetof(g.past); hot != 64 {
		t.Errorf("the fields of every event take %d bytes", hot)
	}
}

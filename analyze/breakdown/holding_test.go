package breakdown

import "testing"

func TestWhatAHolderDid(t *testing.T) {
	f := Frame{Function: "main.hold", File: "main.go", Line: 7}
	did := func(b Bucket, ns int64) Holder { return Holder{Frame: f, Doing: b, Total: ns} }
	for _, c := range []struct {
		name    string
		holders []Holder
		want    Bucket
	}{
		{"the call is longest", []Holder{did(DB, 60), did(Scheduler, 40)}, DB},
		{"a call on busy processors", []Holder{did(Scheduler, 50), did(DB, 35), did(GC, 10), did(CPU, 5)}, DB},
		{"running on busy processors", []Holder{did(Scheduler, 60), did(CPU, 40)}, CPU},
		{"hardly anything but delays", []Holder{did(CPU, 10), did(GC, 40), did(Scheduler, 50)}, Scheduler},
		{"only delays", []Holder{did(Scheduler, 50)}, Scheduler},
	} {
		b := BucketTime{Bucket: Lock, Total: 100, Holders: c.holders}
		h := b.Culprit()
		if h == nil || h.Doing[0].Doing != c.want {
			t.Errorf("%s: %+v, not %v", c.name, h, c.want)
		}
	}
}

package breakdown

import "testing"

func TestWhatAHolderDid(t *testing.T) {
	f := Frame{Function: "main.hold", File: "main.go", Line: 7}
	for _, c := range []struct {
		name    string
		holders []Holder
		want    Bucket
	}{
		{"the call is longest", []Holder{{f, DB, 60}, {f, Scheduler, 40}}, DB},
		{"a call on busy processors", []Holder{{f, Scheduler, 50}, {f, DB, 35}, {f, GC, 10}, {f, CPU, 5}}, DB},
		{"running on busy processors", []Holder{{f, Scheduler, 60}, {f, CPU, 40}}, CPU},
		{"hardly anything but delays", []Holder{{f, CPU, 10}, {f, GC, 40}, {f, Scheduler, 50}}, Scheduler},
		{"only delays", []Holder{{f, Scheduler, 50}}, Scheduler},
	} {
		b := BucketTime{Bucket: Lock, Total: 100, Holders: c.holders}
		h := b.Culprit()
		if h == nil || h.Doing[0].Doing != c.want {
			t.Errorf("%s: %+v, not %v", c.name, h, c.want)
		}
	}
}

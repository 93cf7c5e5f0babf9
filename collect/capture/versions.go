package capture

import "fmt"

// formats maps each version of the trace format to the minor versions of Go that
// write it. The last one includes newer versions.
var formats = []struct {
	name        string
	first, last int
}{
	{"go 1.11", 11, 18},
	{"go 1.19", 19, 20},
	{"go 1.21", 21, 21},
	{"go 1.22", 22, 22},
	{"go 1.23", 23, 24},
	{"go 1.25", 25, 25},
	{"go 1.26", 26, newer},
}

// newer is the last minor version of the newest format, which later versions may
// write too.
const newer = 1 << 10

// A GoRange is a range of minor versions of Go that may have written a trace. The
// zero value is empty.
type GoRange struct{ First, Last int }

// WrittenBy returns the versions of Go that write a format as named by
// [TraceVersion], such as "go 1.23". For an unknown format it returns the empty
// range.
func WrittenBy(format string) GoRange {
	for _, f := range formats {
		if f.name == format {
			return GoRange{f.first, f.last}
		}
	}
	return GoRange{}
}

// Holds reports whether r contains the minor version.
func (r GoRange) Holds(minor int) bool { return r.First <= minor && minor <= r.Last }

// String returns "go1.22", "go1.23–go1.24", "go1.26 or newer", or "" for the
// empty range.
func (r GoRange) String() string {
	switch {
	case r == GoRange{}:
		return ""
	case r.Last == newer:
		return fmt.Sprintf("go1.%d or newer", r.First)
	case r.Last > r.First:
		return fmt.Sprintf("go1.%d–go1.%d", r.First, r.Last)
	}
	return fmt.Sprintf("go1.%d", r.First)
}

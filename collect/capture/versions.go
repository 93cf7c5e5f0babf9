package capture

import "fmt"

// formats are the versions of Go, by minor number, that write each version of the
// trace's format. The last is open towards newer ones.
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

// newer is the last version of a format that newer ones may write.
const newer = 1 << 10

// A GoRange is the versions of Go that may have written a trace, by minor number.
// The zero value is none.
type GoRange struct{ First, Last int }

// WrittenBy returns the versions of Go that write a format as [TraceVersion] names
// it, such as "go 1.23": none of one that is not known.
func WrittenBy(format string) GoRange {
	for _, f := range formats {
		if f.name == format {
			return GoRange{f.first, f.last}
		}
	}
	return GoRange{}
}

// Holds reports whether a minor version is one of them.
func (r GoRange) Holds(minor int) bool { return r.First <= minor && minor <= r.Last }

// String is "go1.22", "go1.23–go1.24", "go1.26 or newer", or "" of none.
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

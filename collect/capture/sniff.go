package capture

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"timesink/collect/bounded"
)

// sniffLen is the length of a file's beginning that is examined, in bytes.
const sniffLen = 4096

// traceHeader matches the beginning of every Go execution trace since Go 1.5:
// 16 bytes, zero-padded.
var traceHeader = regexp.MustCompile(`^go (1\.\d{1,3}) trace\x00+`)

// IsTrace reports whether head, at least the first 16 bytes of a file, begins a
// Go execution trace. It does not check whether the version can be read.
func IsTrace(head []byte) bool { return TraceVersion(head) != "" }

// TraceVersion returns the version in a trace's header, such as "go 1.26", or
// "" if head is not a trace. It is the version of the format: Go 1.24 writes
// "go 1.23".
func TraceVersion(head []byte) string {
	if len(head) < 16 {
		return ""
	}
	m := traceHeader.FindSubmatch(head[:16])
	if m == nil {
		return ""
	}
	return "go " + string(m[1])
}

// Looks describes what a file that is not a trace looks like.
type Looks struct {
	What string // "an HTML page"
	Hint string // what to try instead
}

const fetchHint = `fetch an execution trace: timesink collect, or curl -o trace.out "http://HOST/debug/pprof/trace?seconds=5"`

// mistakes lists what users give instead of a trace; the first match counts.
var mistakes = []struct {
	name  string
	fits  func(head, unzipped []byte) bool
	looks Looks
}{
	{"html", isHTML, Looks{"an HTML page", "a server answered with a page instead of a trace: check the URL, and whether it requires a login"}},
	{"json", isJSON, Looks{"JSON", fetchHint}},
	{"cut trace", func(head, _ []byte) bool { return len(head) < 16 && bytes.HasPrefix(head, []byte("go 1.")) },
		Looks{"the first bytes of a trace that was cut off", "fetch it again: it contains no event"}},
	{"zstd", prefixed("\x28\xb5\x2f\xfd"), Looks{"a zstd file", "unpack it first: zstd -d"}},
	{"bzip2", prefixed("BZh"), Looks{"a bzip2 file", "unpack it first: bunzip2"}},
	{"xz", prefixed("\xfd7zXZ\x00"), Looks{"an xz file", "unpack it first: unxz"}},
	{"tar", func(head, unzipped []byte) bool { return isTar(head) || isTar(unzipped) },
		Looks{"a tar archive", "unpack it, and give timesink the trace in it"}},
	{"pprof", func(head, unzipped []byte) bool { return isPprof(head) || isPprof(unzipped) },
		Looks{"a pprof profile", "a profile does not show what goroutines waited for: " + fetchHint}},
	{"pprof text", isPprofText, Looks{"a pprof profile as text", "a profile does not show what goroutines waited for: " + fetchHint}},
	{"gzip", func(_, unzipped []byte) bool { return unzipped != nil }, Looks{"a gzip of something else", fetchHint}},
	{"executable", func(head, _ []byte) bool {
		return prefixed("\x7fELF")(head, nil) || prefixed("MZ")(head, nil) || prefixed("\xcf\xfa\xed\xfe")(head, nil)
	}, Looks{"an executable", fetchHint}},
	{"text", func(head, _ []byte) bool { return isText(head) }, Looks{"text", fetchHint}},
}

// Sniff describes what a file that is not a trace looks like, given its first
// bytes.
func Sniff(head []byte) Looks {
	unzipped := gunzipHead(head)
	for _, row := range mistakes {
		if row.fits(head, unzipped) {
			return row.looks
		}
	}
	return Looks{"binary data of another kind", fetchHint}
}

// gunzipHead decompresses the beginning of a gzip file, or returns nil if head
// is not one.
func gunzipHead(head []byte) []byte {
	out, _ := bounded.Unzip(bytes.NewReader(head), 512) // the end is missing: head is only the beginning
	return out
}

func prefixed(prefix string) func(head, unzipped []byte) bool {
	return func(head, _ []byte) bool { return bytes.HasPrefix(head, []byte(prefix)) }
}

func isHTML(head, _ []byte) bool {
	s := strings.ToLower(string(bytes.TrimLeft(head, "\ufeff \t\r\n")))
	return strings.HasPrefix(s, "<!doctype html") || strings.HasPrefix(s, "<html") ||
		strings.HasPrefix(s, "<") && strings.Contains(s, "<html")
}

func isJSON(head, _ []byte) bool {
	s := bytes.TrimLeft(head, "\ufeff \t\r\n")
	if len(s) == 0 || !isText(head) {
		return false
	}
	rest := bytes.TrimLeft(s[1:], " \t\r\n")
	switch s[0] {
	case '{':
		return len(rest) == 0 || rest[0] == '"' || rest[0] == '}'
	case '[':
		return len(rest) == 0 || bytes.IndexByte([]byte(`{["]0123456789-tfn`), rest[0]) >= 0
	}
	return false
}

// isPprof reports whether b looks like the protobuf of a profile: its first
// fields contain a sample type, field 1, a submessage of two small varints.
// Go's runtime writes the period's type (0x5a) or the time (0x48) before it,
// other writers do not.
func isPprof(b []byte) bool {
	if len(b) == 0 || bytes.IndexByte([]byte{0x0a, 0x48, 0x50, 0x5a, 0x60}, b[0]) < 0 {
		return false
	}
	return bytes.Contains(b[:min(len(b), 64)], []byte{0x0a, 0x04, 0x08})
}

// pprofText matches the beginning of profiles served with ?debug=1 or 2.
var pprofText = regexp.MustCompile(`^(--- \w+:\n|goroutine \d+ \[|\w+ profile: )`)

func isPprofText(head, _ []byte) bool {
	return pprofText.Match(head)
}

func isTar(b []byte) bool { return len(b) > 262 && string(b[257:262]) == "ustar" }

// isText allows for a rune cut at the end of head.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for i := 0; i < utf8.UTFMax && len(head) > 0; i++ {
		if utf8.Valid(head) {
			return true
		}
		head = head[:len(head)-1]
	}
	return false
}

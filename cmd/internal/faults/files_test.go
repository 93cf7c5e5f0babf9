package faults_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
)

// fileRows are damaged and hostile files.
var fileRows = []row{
	// Bare traces.
	{name: "file: a generation is missing", file: places(func(last int) []int { return append([]int{0}, tracetest.Places(2, last)...) }), quick: true,
		says: []string{"is missing from the trace", "% covered"}},
	{name: "file: the first generations are swapped", file: places(func(last int) []int { return append([]int{1, 0}, tracetest.Places(2, last)...) }), says: []string{"was left out"}},
	{name: "file: the last generations are swapped", file: places(func(last int) []int { return append(tracetest.Places(0, last-2), last, last-1) }), says: []string{"was left out"}},
	{name: "file: the generations are reversed", file: places(func(last int) []int { p := tracetest.Places(0, last); slices.Reverse(p); return p }), says: []string{"left out"}},
	{name: "file: a generation is doubled", file: places(func(last int) []int { return append([]int{0, 1, 1}, tracetest.Places(2, last)...) }), says: []string{"more than once"}},
	{name: "file: all generations come twice", file: places(func(last int) []int { return append(tracetest.Places(0, last), tracetest.Places(0, last)...) }), says: []string{"more than once"}},
	{name: "file: cut in the first generation", file: func(_ testing.TB, s *sound) []byte { return s.trace.Trace(0)[:16+len(s.trace.Parts[0])/2] }, code: 1, quick: true,
		says: []string{"it ends within its first generation", "hint: the file is incomplete"}},
	{name: "file: cut in the last generation", file: func(t testing.TB, s *sound) []byte { d := whole(t, s); return d[:len(d)-100] }, says: []string{"could not be used", "are covered"}},
	{name: "file: the header alone", file: func(t testing.TB, s *sound) []byte { return whole(t, s)[:16] }, code: 1, says: []string{"no whole generation"}},
	{name: "file: zeros after the header", file: text("go 1.26 trace\x00\x00\x00" + strings.Repeat("\x00", 5000)), code: 1, says: []string{"damaged"}},
	{name: "file: of Go 1.10", file: header("go 1.10"), code: 1, says: []string{"hint: Go 1.10 wrote it"}},
	{name: "file: of Go 1.99", file: header("go 1.99"), code: 1, says: []string{"upgrade timesink"}},
	{name: "file: two traces", file: func(t testing.TB, s *sound) []byte { return slices.Concat(whole(t, s), whole(t, s)) }, says: []string{"another trace begins"}},
	{name: "file: gzipped and cut", file: func(t testing.TB, s *sound) []byte { d := gzippedFile(t, whole(t, s)); return d[:len(d)-100] }, says: []string{"cannot be read beyond"}},
	{name: "file: gzipped, a byte is wrong", file: func(t testing.TB, s *sound) []byte {
		d := gzippedFile(t, whole(t, s))
		d[len(d)-6] ^= 1
		return d
	}, says: []string{"gzip: invalid checksum"}},
	{name: "file: empty", file: text(""), code: 1, quick: true, says: []string{"file is empty"}},
	{name: "file: HTML", file: text("<!DOCTYPE html><html><title>Log in</title>"), code: 1, says: []string{"an HTML page"}},
	{name: "file: a profile", file: func(testing.TB, *sound) []byte { return pprofBlock }, code: 1, says: []string{"hint: "}},
	{name: "file: JSON", file: text(`{"a":1}`), code: 1, says: []string{"JSON"}},

	// Captures.
	{name: "zip: cut", file: with(change{bytes: firstHalf}), code: 1, quick: true, says: []string{"a zip that is cut off or damaged"}},
	{name: "zip: without a manifest", file: with(change{without: []string{capture.ManifestName}}), code: 1, says: []string{"not a timesink capture"}},
	{name: "zip: two manifests", file: with(change{more: [][2]string{{capture.ManifestName, "{}"}}}), code: 1, quick: true, says: []string{"two files manifest.json"}},
	{name: "zip: the trace twice", file: with(change{more: [][2]string{{capture.TracePart, "go 1.26 trace"}}}), says: []string{"trace.out is in the zip more than once"}},
	{name: "zip: no trace in it", file: with(change{without: []string{capture.TracePart}}), code: 1, says: []string{"hint: "}},
	{name: "zip: a CRC is wrong", file: otherChecksum, says: []string{"trace.out cannot be read beyond", "checksum"}},
	{name: "zip: a checksum is wrong", file: with(said(func(m *capture.Manifest) { m.Part(capture.TracePart).SHA256 = strings.Repeat("0", 64) })), says: []string{"does not match the checksum"}},
	{name: "zip: the trace is longer than stated", file: with(said(func(m *capture.Manifest) { m.Part(capture.TracePart).Size = 5000 })), code: 1, says: []string{"is longer than the 5000 bytes", "get it again from its source"}},
	{name: "zip: the trace is shorter than stated", file: with(said(func(m *capture.Manifest) { m.Part(capture.TracePart).Size = 1 << 40 })), says: []string{"of the 1099511627776 that the manifest states"}},
	{name: "zip: the trace was reset", file: with(change{part: map[string]func([]byte) []byte{capture.TracePart: func(d []byte) []byte { return d[:5000] }},
		manifest: func(m *capture.Manifest) {
			m.Window.Ended, m.Part(capture.TracePart).Error = capture.EndedCut, "the trace was cut after 0.3 s of 4.0 s (the connection was reset by the other side)"
		}}), code: 1, says: []string{"read the trace: the trace was cut after 0.3 s of 4.0 s (the connection was reset by the other side)"}},
	{name: "zip: of a newer timesink", file: with(said(func(m *capture.Manifest) { m.Schema = "timesink.capture/9" })), code: 1, says: []string{"made by a newer timesink", "upgrade"}},
	{name: "zip: of something else", file: with(said(func(m *capture.Manifest) { m.Schema = "acme/1" })), code: 1, says: []string{"not a timesink capture"}},
	{name: "zip: a part that leaves the folder", file: with(said(func(m *capture.Manifest) { m.AddPart(capture.Part{Name: "../x"}) })), code: 1, says: []string{"part named"}},
	{name: "zip: 100,000 warnings", file: with(said(manyWarnings)), room: 128 << 20, says: []string{"more warnings"}},
	{name: "zip: probes in the year 2262", file: with(probesWith(`"start_ns":\d+`, `"start_ns":9223372036854775807`)), quick: true, says: []string{"20 of 20 probes have impossible times"}},
	{name: "zip: negative probes", file: with(probesWith(`"(\w+_ns)":(\d+)`, `"$1":-$2`)), says: []string{"20 of 20 probes have impossible times"}},
	{name: "zip: probes that end before they begin", file: with(probesWith(`"end_ns":\d+`, `"end_ns":1`)), says: []string{"20 of 20 probes have impossible times"}},
	{name: "zip: probes before the window", file: with(probesWith(`"start_ns":17`, `"start_ns":16`)), says: []string{"20 of 20 probes have impossible times"}},
	{name: "zip: probes that are no JSON", file: with(of(capture.ProbesPart, replaced([]byte("{\"a\":\n")))), says: []string{"0 probes could be read"}},
	{name: "zip: probes in one endless line", file: with(of(capture.ProbesPart, replaced([]byte(strings.Repeat("x", 3<<20))))), says: []string{"a line has more than"}},
	{name: "zip: a profile that is none", file: with(of(capture.CPUPart, replaced([]byte("not a profile")))), args: []string{"report", "FILE", "-f", "cpu"}, code: 1, says: []string{"hint: "}},
	{name: "zip: a profile that is none, redacted", file: with(of(capture.CPUPart, replaced([]byte("not a profile")))), args: []string{"redact", "FILE", "-o", outputName}, kept: true, says: []string{"cpu.pb.gz"}},
	{name: "zip: a profile of gigabytes", file: with(of(capture.CPUPart, func([]byte) []byte { return gigabyte() })), args: []string{"report", "FILE", "-f", "cpu"}, waits: unpacking, room: 96 << 20, says: []string{"left out, and the trace's samples used instead", "unpacks to more than"}},
	{name: "zip: a profile of gigabytes, redacted", file: with(of(capture.CPUPart, func([]byte) []byte { return gigabyte() })), args: []string{"redact", "FILE", "-o", outputName}, kept: true, waits: unpacking, room: 96 << 20, says: []string{"cpu.pb.gz was left out", "unpacks to more than"}},
	{name: "zip: goroutines of gigabytes", file: with(of(capture.GoroutineBeforePart, func([]byte) []byte { return gigabyte() })), waits: unpacking, says: []string{"goroutine-before.pb.gz was left out: it unpacks to more than"}},
	{name: "zip: two million probes", file: with(of(capture.ProbesPart, manyProbes)), waits: time.Minute, says: []string{"probes are used: more do not fit into the memory"}},
	{name: "zip: two million probes, redacted", file: with(of(capture.ProbesPart, manyProbes)), args: []string{"redact", "FILE", "-o", outputName}, kept: true, waits: 3 * time.Minute, says: []string{"probes are used: their lines take more than"}},
	{name: "zip: names that move the cursor", file: with(said(func(m *capture.Manifest) {
		m.Target, m.Service.GoVersion = "http://x\x1b[2J\r\n", "go1.26\x1b[31m"
		m.Warn("a", "one\x1b]0;title\x07two")
	})), never: []string{"\x1b"}, says: []string{"one"}},
}

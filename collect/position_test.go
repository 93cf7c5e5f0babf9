package collect

import (
	"bytes"
	runtimetrace "runtime/trace"
	"testing"
	"testing/iotest"
	"time"

	"timesink/analyze/trace"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/bounded/boundedtest"
)

// takeTrace traces this process for d.
func takeTrace(t testing.TB, d time.Duration) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := runtimetrace.Start(&out); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	runtimetrace.Stop()
	return out.Bytes()
}

func TestThePositionIsTheTimeInTheTrace(t *testing.T) {
	const asked = 2200 * time.Millisecond // three generations
	begin := time.Now()
	data := takeTrace(t, asked)
	took := time.Since(begin)

	var whole position
	whole.Write(data)
	got, known := whole.elapsed()
	if !known || got < asked-50*time.Millisecond || got > took {
		t.Errorf("position %s (known: %v) of a trace that took between %s and %s", got, known, asked, took)
	}
	if whole.generations < 2 || whole.version == "" {
		t.Errorf("%d generations of version %q", whole.generations, whole.version)
	}
	checkWhole(t, data, &whole)

	// The position does not depend on the size of the reads.
	for _, size := range []int{1, 7, 4096} {
		var p position
		for rest := data; len(rest) > 0; {
			n := min(size, len(rest))
			p.Write(rest[:n])
			rest = rest[n:]
		}
		if p.whole != whole.whole || p.wholeBytes != whole.wholeBytes {
			t.Errorf("in reads of %d bytes: %d whole generations of %d bytes, not %d of %d", size, p.whole, p.wholeBytes, whole.whole, whole.wholeBytes)
		}
		if again, _ := p.elapsed(); again != got || p.generations != whole.generations {
			t.Errorf("in reads of %d bytes: position %s in %d generations, not %s in %d", size, again, p.generations, got, whole.generations)
		}
	}

	// The position never decreases.
	var p position
	last := time.Duration(0)
	for _, b := range data {
		p.Write([]byte{b})
		if now, known := p.elapsed(); known && p.frequency != 0 {
			if now < last {
				t.Fatalf("position decreases from %s to %s", last, now)
			}
			last = now
		}
	}
}

// checkWhole checks that each generation of a trace ends where the position says.
func checkWhole(t *testing.T, data []byte, all *position) {
	t.Helper()
	// From Go 1.26 on, the last generation is seen to end too.
	if missing := all.generations - all.whole; missing > 1 || missing == 0 && all.wholeBytes != int64(len(data)) {
		t.Errorf("%d of %d generations, up to byte %d of %d, are whole", all.whole, all.generations, all.wholeBytes, len(data))
	}
	var p position
	for i, ended := 0, 0; i < len(data); i++ {
		p.Write(data[i : i+1])
		if p.whole == ended {
			continue
		}
		ended = p.whole
		r, err := trace.NewReader(bytes.NewReader(data[:p.wholeBytes]), trace.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range r.Generations(t.Context()) {
			n++
		}
		if r.Err() != nil || n != ended {
			t.Errorf("the first %d bytes: %d generations, %v; want %d", p.wholeBytes, n, r.Err(), ended)
		}
	}
}

func TestTheEndsOfGenerationsAreFoundInAllVersions(t *testing.T) {
	for _, version := range []string{"1.22", "1.23", "1.24", "1.25", "1.26"} {
		t.Run(version, func(t *testing.T) {
			data := tracetest.Unzipped(t, "../analyze/trace/testdata/go"+version+".trace.gz")
			var all position
			all.Write(data)
			if all.whole == 0 {
				t.Error("no generation is whole")
			}
			checkWhole(t, data, &all)
		})
	}
}

func TestWithoutAFrequencyThePositionIsInTheFirstGeneration(t *testing.T) {
	var p position
	p.Write([]byte("go 1.26 trace\x00\x00\x00"))
	if _, known := p.elapsed(); known {
		t.Error("a position is known from the header alone")
	}
	batch := append([]byte{eventBatch, 1, 0, 100, 20}, make([]byte, 20)...)
	p.Write(batch)
	if d, known := p.elapsed(); !known || d != firstGeneration {
		t.Errorf("position %s, known: %v", d, known)
	}
}

func TestOtherFormatsHaveNoPosition(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":               "",
		"a page":                "<!doctype html><html><body>hello</body></html>",
		"the format of Go 1.19": "go 1.19 trace\x00\x00\x00\x81\x02\x03",
		"another event":         "go 1.26 trace\x00\x00\x00\x07\x01\x01\x01\x01",
		"an endless number":     "go 1.26 trace\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		var p position
		p.Write([]byte(data))
		if d, known := p.elapsed(); known {
			t.Errorf("%s: position %s", name, d)
		}
	}
}

// FuzzPosition checks that no input makes the position fail, and that it does
// not depend on the size of the reads.
func FuzzPosition(f *testing.F) {
	f.Add(takeTrace(f, time.Millisecond), byte(3))
	f.Add([]byte("go 1.26 trace\x00\x00\x00\x01\x01\x01\x01\x02\x32\x08"), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, size byte) {
		var whole, pieces position
		boundedtest.Check(t, len(data), boundedtest.Limit{Base: 1 << 20, PerByte: 16}, func() {
			whole = position{}
			whole.Write(data)
		})
		r := iotest.DataErrReader(bytes.NewReader(data))
		buf := make([]byte, int(size)+1)
		for {
			n, err := r.Read(buf)
			pieces.Write(buf[:n])
			if err != nil {
				break
			}
		}
		a, aKnown := whole.elapsed()
		b, bKnown := pieces.elapsed()
		if a != b || aKnown != bKnown || whole.generations != pieces.generations {
			t.Errorf("%s %v in one, %s %v in pieces", a, aKnown, b, bKnown)
		}
	})
}

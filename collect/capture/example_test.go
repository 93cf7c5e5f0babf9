package capture_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/trace"

	"timesink/collect/capture"
)

// Write a capture part by part, finish it as one file, and read it.
func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "case.zip")

	w, err := capture.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	part, err := w.CreatePart(capture.TracePart)
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(part); err != nil {
		log.Fatal(err)
	}
	trace.Stop()
	part.Close()
	w.Manifest.Target = "http://localhost:6060"
	w.Manifest.Parts = []capture.Part{{Name: capture.TracePart}}
	if err := w.Finish(); err != nil {
		log.Fatal(err)
	}

	c, err := capture.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	r, err := c.Trace()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 16)
	r.Read(head)
	fmt.Println(c.Manifest().Target, c.Parts(), capture.IsTrace(head))
	// Output: http://localhost:6060 [trace.out] true
}

// Look up what a part is, how it is encoded and whether it is optional.
func ExampleKindOf() {
	kind, ok := capture.KindOf("cpu.pb.gz")
	fmt.Println(ok, kind.What, kind.When, kind.Optional)
	fmt.Println(kind.Content)
	// Output:
	// true CPU profile of the window during true
	// gzipped pprof profile
}

package collect_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof" // registers itself with http.DefaultServeMux
	"os"
	"path/filepath"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// Collect from a live service into a capture file.
func Example() {
	service := httptest.NewServer(http.DefaultServeMux)
	defer service.Close()
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	target, err := collect.ParseTarget(service.URL)
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(folder, "case.zip")
	manifest, err := collect.Run(context.Background(), collect.Config{Target: target, Window: 300 * time.Millisecond}, path)
	if err != nil {
		log.Fatalf("%v (hint: %s)", err, capture.Hint(err))
	}
	fmt.Println("the trace ended", manifest.Window.Ended)

	c, err := capture.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.Parts())
	// Output:
	// the trace ended in-time
	// [goroutine-before.pb.gz trace.out cpu.pb.gz goroutine-after.pb.gz]
}

// Examine what a service exposes before collecting from it.
func ExampleDoctor() {
	service := httptest.NewServer(http.NotFoundHandler())
	defer service.Close()
	target, err := collect.ParseTarget(service.URL)
	if err != nil {
		log.Fatal(err)
	}
	d, err := collect.Doctor(context.Background(), collect.Config{Target: target})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range d.Advice {
		fmt.Println(a.Code)
	}
	// Output:
	// import _ "net/http/pprof"
	//
	// go func() { log.Print(http.ListenAndServe("localhost:6060", nil)) }()
}

// Command crowd is a service with many goroutines that do nothing, and says what stops
// it. It prints its address, and exits with its standard input.
//
//	crowd N    serves /debug/pprof/, /work, which takes 1 ms, and /stops
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/metrics"
	"strconv"
	"time"
)

func main() {
	n, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: crowd N")
		os.Exit(2)
	}
	for range n {
		go idle()
	}
	http.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) { time.Sleep(time.Millisecond) })
	http.HandleFunc("/stops", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(stops()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(l, nil)
	fmt.Printf("{\"url\":\"http://%s\"}\n", l.Addr())
	io.Copy(io.Discard, os.Stdin)
}

func idle() { select {} }

// Stops is how often, and for how long, the process has stood still for other reasons than
// garbage collection, in ns. Both are upper bounds: the runtime counts by ranges.
type Stops struct {
	Count          int64
	Total, Longest int64
	CPU            float64 // seconds that all code has used
}

func stops() (s Stops) {
	samples := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}, {Name: "/cpu/classes/user:cpu-seconds"}}
	metrics.Read(samples)
	h := samples[0].Value.Float64Histogram()
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		upper := h.Buckets[i+1]
		if math.IsInf(upper, 1) {
			upper = h.Buckets[i]
		}
		ns := int64(upper * 1e9)
		s.Count, s.Total, s.Longest = s.Count+int64(n), s.Total+int64(n)*ns, max(s.Longest, ns)
	}
	s.CPU = samples[1].Value.Float64()
	return s
}

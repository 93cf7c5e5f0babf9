package speed_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/child"
	"timesink/collect/capture"
)

// The observed service writes about this many bytes of trace a second, or a little
// more.
const (
	wantedRate = 5e6
	aimedRate  = 1.06 * wantedRate
)

// answering measures the time from the window's end to the answer.
//
// The window ends when the service is to stop tracing: the start of the window in
// the capture, when the request for the trace had been written, plus the requested
// duration. All time after that is waiting: for the rest of the stream, the CPU
// profile, the file, the analysis. It ends when the last of the answer is printed.
func answering(b *testing.B, t *table, exe string) {
	service := startChatty(b)
	end := service.busy(b)
	defer end()
	var waits, streams, ends []float64
	slowest, said := math.Inf(1), "nothing"
	for i := range windowTimes {
		path := scratch(b, fmt.Sprintf("%d.zip", i))
		run := &command{name: "timesink run", args: []string{exe, "run", service.Pprof, "--url", service.URL, "-d", "10s", "-o", path}, cores: 2}
		run.run(b)
		gone := time.Now()
		c, err := capture.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		w, size := c.Manifest().Window, c.TraceSize()
		c.Close()
		ended := w.Start + w.TraceAsked
		if w.Ended != capture.EndedInTime {
			b.Fatalf("the window ended %s", w.Ended)
		}
		waits = append(waits, time.Duration(run.out.at.UnixNano()-ended).Seconds())
		streams = append(streams, time.Duration(w.End-ended).Seconds())
		ends = append(ends, time.Duration(gone.UnixNano()-ended).Seconds())
		slowest = min(slowest, float64(size)/time.Duration(w.TraceAsked).Seconds())
		if _, after, ok := strings.Cut(run.out.String(), "cost of looking: "); ok {
			said, _, _ = strings.Cut(after, "\n")
		}
	}
	fmt.Printf("\ntimesink run, on a service that writes %.1f MB/s of trace, after the window's end: the trace's last byte %.3f s,\nthe answer %.3f s (%.3f to %.3f), the process's end %.3f s; what it says of its cost: %s\n",
		slowest/1e6, median(streams), median(waits), slices.Min(waits), slices.Max(waits), median(ends), said)
	if slowest < wantedRate {
		b.Errorf("the service writes only %.1f MB/s of trace", slowest/1e6)
	}
	t.most("from the window's end to the answer of run, at 5 MB/s", slices.Max(waits), 1, "s")
}

// A chattyService is a service with much trace and little work: its requests hand
// values from goroutine to goroutine.
type chattyService struct {
	URL   string `json:"url"`
	Pprof string `json:"pprof"`
}

func startChatty(b *testing.B) chattyService {
	var s chattyService
	p, err := child.Start(b.Context(), self(b), []string{"chatty"}, &s)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// busy sends requests at a steady rate at which the service writes the wanted
// amount of trace.
func (s *chattyService) busy(b *testing.B) (stop func()) {
	const probe = 2 // s
	rate := 100.0
	for range 3 {
		end := s.paced(b, rate)
		seen := float64(fetch(b, s.Pprof, probe, io.Discard)) / probe
		end()
		rate *= aimedRate / seen
	}
	return s.paced(b, rate)
}

func (s *chattyService) paced(b *testing.B, rate float64) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan outcome)
	go func() { done <- paced(ctx, rate, func(int) string { return s.URL }) }()
	return func() {
		cancel()
		o := <-done
		o.check(b)
	}
}

// chatty runs the service's process. It exits with its standard input.
func chatty([]string) error {
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	pages := http.NewServeMux()
	pages.HandleFunc("/debug/pprof/", pprof.Index)
	pages.HandleFunc("/debug/pprof/profile", pprof.Profile)
	pages.HandleFunc("/debug/pprof/trace", pprof.Trace)
	go http.Serve(api, http.HandlerFunc(handOver))
	go http.Serve(admin, pages)
	out := bufio.NewWriter(os.Stdout)
	err = json.NewEncoder(out).Encode(chattyService{"http://" + api.Addr().String(), "http://" + admin.Addr().String()})
	if err := cmp.Or(err, out.Flush()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// handOver answers when four goroutines have each received some hundred values,
// one by one from another goroutine, and a sleep is over.
func handOver(w http.ResponseWriter, _ *http.Request) {
	const pairs, values = 4, 200
	done := make(chan int)
	for range pairs {
		from := make(chan int)
		go func() {
			defer close(from)
			for i := range values {
				from <- i
			}
		}()
		go func() {
			sum := 0
			for n := range from {
				sum += n
			}
			done <- sum
		}()
	}
	sum := 0
	for range pairs {
		sum += <-done
	}
	time.Sleep(2 * time.Millisecond)
	fmt.Fprintln(w, sum)
}

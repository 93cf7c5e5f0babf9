//go:build ignore

// Record writes an execution trace of a busy program that does a little of everything a trace
// records.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

// activities run concurrently, each repeatedly.
var activities = []func(){serve, allocate, stopTheWorld, syscalls, annotate, lockThread, hand, spin}

func main() {
	length := flag.Duration("for", 150*time.Millisecond, "length of the trace")
	pause := flag.Duration("pause", 10*time.Millisecond, "pause before each activity repeats")
	force := flag.Bool("force", false, "also force garbage collections, which yields thousands of times")
	flag.Parse()
	if *force {
		activities = append(activities, runtime.GC)
	}

	runtime.GOMAXPROCS(4)
	ctx, cancel := context.WithTimeout(context.Background(), *length+*length/4)
	defer cancel()
	var wg sync.WaitGroup
	for _, activity := range activities {
		activity := activity // Go 1.21 has one variable for all iterations
		wg.Add(1)
		go func() {
			defer wg.Done()
			for ctx.Err() == nil {
				activity()
				time.Sleep(*pause)
			}
		}()
	}
	if err := record(os.Stdout, *length); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wg.Wait()
}

// record starts and stops the trace while the activities run.
func record(w io.Writer, length time.Duration) error {
	time.Sleep(length / 8)
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	if err := trace.Start(w); err != nil {
		return err
	}
	defer trace.Stop()
	time.Sleep(length / 2)
	runtime.GOMAXPROCS(3)
	time.Sleep(length / 2)
	return nil
}

var server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	time.Sleep(time.Millisecond)
	w.Write(bytes.ToUpper(body))
}))

// serve sends requests to its own server.
func serve() {
	var wg sync.WaitGroup
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			resp, err := http.Post(server.URL, "text/plain", bytes.NewReader(make([]byte, 4096)))
			if err != nil {
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}()
	}
	wg.Wait()
}

var kept [][]byte

// allocate makes garbage faster than it is collected, so that it must assist.
func allocate() {
	kept = nil
	for i := 0; i < 300; i++ {
		kept = append(kept, make([]byte, 20<<10))
	}
}

func stopTheWorld() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	debug.SetGCPercent(20)
}

// syscalls stays in the kernel long enough for its processor to be stolen.
func syscalls() {
	f, err := os.CreateTemp("", "")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	for i := 0; i < 3; i++ {
		f.Write(make([]byte, 64<<10))
		f.Sync()
	}
}

func annotate() {
	ctx, task := trace.NewTask(context.Background(), "task")
	defer task.End()
	trace.WithRegion(ctx, "outer", func() {
		trace.Log(ctx, "key", "value")
		defer trace.StartRegion(ctx, "inner").End()
		runtime.Gosched()
	})
}

// lockThread locks a thread, which ends with its goroutine.
func lockThread() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		time.Sleep(time.Millisecond)
		os.ReadDir(os.TempDir())
	}()
	<-done
}

// hand exercises hand-offs: channels, mutexes, conditions, select, timers.
func hand() {
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	const hands = 3
	left := hands
	in := make(chan int, 1)
	for i := 0; i < hands; i++ {
		go func() {
			select {
			case <-in:
			case <-time.After(time.Millisecond):
			}
			mu.Lock()
			left--
			mu.Unlock()
			ready.Broadcast()
		}()
	}
	in <- 1
	mu.Lock()
	for left > 0 {
		ready.Wait()
	}
	mu.Unlock()
}

var sum int

// spin keeps a processor busy for the CPU profile.
func spin() {
	for end := time.Now().Add(15 * time.Millisecond); time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			sum += i
		}
	}
}

package main

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// The mean times for which the neighbor computes and is away. They are exponential.
const (
	meanBusy = 8 * time.Second
	meanAway = 12 * time.Second
)

// beside runs a neighbor, another program on the machine that comes and goes: it computes
// for some seconds, and is away for some. It is this program again, with the argument
// neighborArg. leave ends it.
func beside(ctx context.Context, seed uint64) (leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	gone := make(chan struct{})
	random := rand.New(rand.NewPCG(seed, 2))
	lasts := func(mean time.Duration) time.Duration { return time.Duration(random.ExpFloat64() * float64(mean)) }
	go func() {
		defer close(gone)
		for ctx.Err() == nil {
			wait(ctx, lasts(meanAway))
			compete(ctx, lasts(meanBusy))
		}
	}()
	return func() { cancel(); <-gone }
}

// compete runs a process that computes, for some time.
func compete(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if self, err := os.Executable(); err == nil {
		cmd := exec.CommandContext(ctx, self, neighborArg)
		if stdin, err := cmd.StdinPipe(); err == nil { // it ends with this process, and the neighbor with it
			defer stdin.Close()
			cmd.Run()
		}
	}
	<-ctx.Done()
}

// neighborArg is the argument with which this program computes until its standard input
// ends.
const neighborArg = "neighbor"

// compute occupies one processor and a half.
func compute() {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	runtime.GOMAXPROCS(2)
	go func() {
		for {
			spin(5 * time.Millisecond)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for {
		spin(time.Second)
	}
}

func spin(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

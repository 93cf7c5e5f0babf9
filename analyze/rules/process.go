package rules

import "timesink/analyze/breakdown"

// process is what a process does by itself.
var process = []Rule{
	{Func: "time.Sleep", Bucket: breakdown.Sleep},
	{Func: "golang.org/x/time/rate.(*Limiter).", Bucket: breakdown.Sleep},
	// A child process has no bucket: nothing shows what it does.
	{Func: "os/exec.", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess, Covers: true},
	{Func: "os.(*Process).", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess, Covers: true},
	{Func: "os.StartProcess", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess, Covers: true},
	{Func: "syscall.forkExec", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess, Covers: true},
	{Func: "syscall.Wait4", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess},
	{Func: "golang.org/x/sys/unix.Wait4", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess},
	{Func: "golang.org/x/sys/unix.Waitid", Bucket: breakdown.Unknown, Phase: breakdown.ChildProcess},
	{Func: "os.", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Open", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Fsync", Bucket: breakdown.File, System: "os"},
	{Func: "internal/poll.(*FD).Fsync", Bucket: breakdown.File, System: "os"},
	// System calls made without package os, as databases in the process do: those that
	// only apply to files.
	{Func: "syscall.Fdatasync", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Pread", Bucket: breakdown.File, System: "os"},
	{Func: "syscall.Pwrite", Bucket: breakdown.File, System: "os"},
	// Package time reads the files of time zones by itself.
	{Func: "time.open", Bucket: breakdown.File, System: "os"},
	{Func: "time.read", Bucket: breakdown.File, System: "os"},
	{Func: "time.preadn", Bucket: breakdown.File, System: "os"},
	{Func: "time.closefd", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Fsync", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Fdatasync", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Fadvise", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Fallocate", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Msync", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Pread", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Pwrite", Bucket: breakdown.File, System: "os"},
	{Func: "golang.org/x/sys/unix.Flock", Bucket: breakdown.Lock},
	{Func: "syscall.Flock", Bucket: breakdown.Lock},
	{Func: "golang.org/x/sync/semaphore.(*Weighted).Acquire", Bucket: breakdown.Lock},
	{Func: "golang.org/x/sync/singleflight.(*Group).", Follow: FollowWhole},
	{Func: "sync.(*Once).doSlow", Follow: FollowWhole},
	{Func: "sync.(*Mutex).Lock", Bucket: breakdown.Lock},
	{Func: "sync.(*Mutex).lockSlow", Bucket: breakdown.Lock},
	{Func: "sync.(*RWMutex).", Bucket: breakdown.Lock},
	{Func: "internal/sync.(*Mutex).", Bucket: breakdown.Lock},
}

// runtimeLoops are the functions in which the garbage collector makes goroutines wait.
var runtimeLoops = []Loop{
	{Func: "runtime.gcStart", GC: true},
	{Func: "runtime.gcMarkDone", GC: true},
	{Func: "runtime.gcAssistAlloc", GC: true},
	{Func: "runtime.gcMarkTermination", GC: true},
	{Func: "runtime.gcParkAssist", GC: true},
}

// listeners wait for clients to connect or for signals, which counts as having nothing
// to do. The goroutine of an HTTP server's listener does nothing else.
var listeners = []Loop{
	{Func: "net/http.(*Server).Serve", Accepts: true},
	{Func: "os/signal.signal_recv", Role: Background},
	{Func: "internal/poll.(*FD).Accept", Role: Background, Accepts: true},
}

// observers are the endpoints through which timesink observes a service.
var observers = []Loop{
	{Func: "net/http/pprof.Trace", Observer: true, Served: true},
	{Func: "net/http/pprof.Profile", Observer: true, Served: true},
	{Func: "net/http/pprof.Index", Observer: true, Served: true},
	{Func: "net/http/pprof.Cmdline", Observer: true, Served: true},
	{Func: "net/http/pprof.Symbol", Observer: true, Served: true},
	{Func: "net/http/pprof.handler.ServeHTTP", Observer: true, Served: true},
}

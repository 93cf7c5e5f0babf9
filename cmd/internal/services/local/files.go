package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
)

// Files lists scenarios that wait for the file system and for pipes.
var Files = []scenario.Scenario{
	{Name: "file, written and read", Needs: []string{"folder"}, Open: openFiles},
	{Name: "file, read from the disk", Needs: []string{"folder"}, Open: openFolder},
	{Name: "log to a slow pipe", Needs: []string{"slow reader"}, Clients: 4, Open: openLog,
		Server: scenario.Handled(logHandler), Want: scenario.Want{Holds: heldIn(breakdown.Lock, breakdown.File), Finding: "sync-file-write"}},
	{Name: "log to a slow stdout", Needs: []string{"slow reader"}, Clients: 4, Open: openStdout},
}

// openFiles writes a file, syncs it, and reads it.
func openFiles(_ context.Context, env scenario.Env) (scenario.Work, error) {
	var number atomic.Int64
	content := make([]byte, 4<<20)
	return func(_ context.Context, w *scenario.Watch) error {
		name := filepath.Join(env["folder"], fmt.Sprintf("whole-%d", number.Add(1)))
		var f *os.File
		file := func(do func() error) error { return w.Time(breakdown.File, breakdown.NoPhase, do) }
		return errors.Join(
			file(func() (err error) { f, err = os.Create(name); return err }),
			file(func() error { _, err := f.Write(content); return err }),
			file(func() error { return f.Sync() }),
			file(func() error { _, err := f.WriteAt(content[:64<<10], 0); return err }),
			file(func() error { return unix.Fdatasync(int(f.Fd())) }),
			file(func() error { _, err := f.ReadAt(content[:1<<20], 1<<20); return err }),
			file(func() error { return f.Close() }),
			file(func() error { return os.Remove(name) }),
		)
	}, nil
}

// openFolder lists a folder and reads its files from the disk.
func openFolder(_ context.Context, env scenario.Env) (scenario.Work, error) {
	folder, err := os.MkdirTemp(env["folder"], "folder-*")
	if err != nil {
		return nil, err
	}
	for i := range 16 {
		f, err := os.Create(filepath.Join(folder, fmt.Sprint(i)))
		if err != nil {
			return nil, err
		}
		_, err = f.Write(make([]byte, coldSize))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, err
		}
	}
	return func(_ context.Context, w *scenario.Watch) error {
		content := make([]byte, coldSize)
		return w.Time(breakdown.File, breakdown.NoPhase, func() error {
			entries, err := os.ReadDir(folder)
			for _, e := range entries {
				err = errors.Join(err, readCold(filepath.Join(folder, e.Name()), content))
			}
			return err
		})
	}, nil
}

// coldSize is the size of a file that is read from the disk.
const coldSize = 512 << 10

// readCold reads a file and drops it from the kernel's cache, for the next
// request.
func readCold(name string, content []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(f, content)
	return errors.Join(err, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
}

// slowReader reads the named pipes in a folder more slowly than requests fill
// them.
var slowReader = scenario.Peer{Name: "slow reader", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
	folder, err := os.MkdirTemp("", "timesink-pipes-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	pipes, ctx := errgroup.WithContext(ctx)
	for _, name := range []string{"log", "stdout"} {
		path := filepath.Join(folder, name)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0) // open for writing too, so that there is no end of file
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { f.Close() })
		pipes.Go(func() error { return drain(f) })
	}
	ready(folder)
	if err := pipes.Wait(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}}

// drain reads a request's line at most every 12 ms, until the pipe is closed.
func drain(f *os.File) error {
	for tick := time.NewTicker(12 * time.Millisecond); ; <-tick.C {
		if _, err := io.CopyN(io.Discard, f, lineSize); err != nil {
			return err
		}
	}
}

// lineSize is the length of a request's log line, including the logger's prefix:
// half of a pipe's capacity.
const lineSize = 32 << 10

var line = strings.Repeat("x", lineSize-100)

// pollable opens a pipe as os does: writes that would block wait in the poller.
func pollable(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) }

// blocking opens a pipe in the way of a process's standard output: writes block in
// the kernel.
func blocking(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openLog logs to a pipe with log/slog. The logger lets one request write at a
// time; the others wait for its lock.
func openLog(_ context.Context, env scenario.Env) (scenario.Work, error) {
	f, err := pollable(filepath.Join(env["slow reader"], "log"))
	if err != nil {
		return nil, err
	}
	out := &writer{f: f}
	logger := slog.New(slog.NewJSONHandler(out, nil))
	return out.work(func() { logger.Info("answered", "body", line) }), nil
}

// openStdout logs to a pipe with package log.
func openStdout(_ context.Context, env scenario.Env) (scenario.Work, error) {
	f, err := blocking(filepath.Join(env["slow reader"], "stdout"))
	if err != nil {
		return nil, err
	}
	out := &writer{f: f}
	logger := log.New(out, "", log.LstdFlags)
	return out.work(func() { logger.Print(line) }), nil
}

// A writer times the writes of a logger, for the request on whose goroutine they
// happen.
type writer struct {
	f        *os.File
	requests sync.Map // by goroutine
}

// logging is a request inside a call of its logger.
type logging struct {
	watch *scenario.Watch
	since int64
}

// work logs, and times the logger from its call until it writes.
func (o *writer) work(print func()) scenario.Work {
	return func(_ context.Context, w *scenario.Watch) error {
		o.requests.Store(meter.Goroutine(), &logging{w, w.Now()})
		print()
		return nil
	}
}

func (o *writer) Write(line []byte) (n int, err error) {
	found, ok := o.requests.Load(meter.Goroutine())
	if !ok {
		return 0, errors.New("a logger wrote on another goroutine")
	}
	w, since := found.(*logging).watch, found.(*logging).since
	w.Note(breakdown.Lock, breakdown.NoPhase, since, w.Now())
	err = w.Time(breakdown.File, breakdown.NoPhase, func() (err error) { n, err = o.f.Write(line); return err })
	return n, err
}

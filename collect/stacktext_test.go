package collect

import (
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"

	"timesink/collect/capture"
)

const listed2 = `goroutine 22 [running]:
runtime/pprof.writeGoroutineStacks({0x7d6160, 0x22e366ccc000})
	/usr/local/go/src/runtime/pprof/pprof.go:819 +0x6b
created by net/http.(*Server).Serve in goroutine 7
	/usr/local/go/src/net/http/server.go:3464 +0x485

goroutine 9 gp=0xc0001 m=nil [chan receive, 12 minutes, locked to thread] {"tenant": "acme"}:
main.(*Pool[...]).take(...)
	/src/it (copy)/pool.go:15
main.handle.func1({0xc0, 0x1}, 0x2?)
	/src/it (copy)/pool.go:31 +0x18
...104 frames elided...
main.main()
	/src/main.go:9 +0x18

goroutine 10 [chan receive, 3 minutes]:
main.(*Pool[...]).take(...)
	/src/it (copy)/pool.go:15
main.handle.func1({0xc7, 0x1}, 0x9?)
	/src/it (copy)/pool.go:31 +0x18
...104 frames elided...
main.main()
	/src/main.go:9 +0x18
`

// stacksOf numbers stacks by their keys.
func stacksOf(list *[]capture.Stack) func([]byte, func() capture.Stack) (int, error) {
	known := map[string]int{}
	return func(key []byte, read func() capture.Stack) (int, error) {
		n, ok := known[string(key)]
		if !ok {
			n = len(*list)
			known[string(key)] = n
			*list = append(*list, read())
		}
		return n, nil
	}
}

func TestGoroutinesAreReadFromTheirText(t *testing.T) {
	var stacks []capture.Stack
	list, err := parseStacks([]byte(listed2), stacksOf(&stacks))
	if err != nil {
		t.Fatal(err)
	}
	want := []capture.Goroutine{
		{ID: 22, State: "running", Creator: 7},
		{ID: 9, State: "chan receive", Minutes: 12, Stack: 1},
		{ID: 10, State: "chan receive", Minutes: 3, Stack: 1},
	}
	if !slices.Equal(list, want) {
		t.Errorf("read %+v", list)
	}
	if len(stacks) != 2 || stacks[0].CreatedBy != "net/http.(*Server).Serve" || !stacks[1].Elided {
		t.Fatalf("the stacks are %+v", stacks)
	}
	if got := stacks[1].Frames; !slices.Equal(got, []capture.Frame{
		{Function: "main.(*Pool[...]).take", File: "/src/it (copy)/pool.go", Line: 15},
		{Function: "main.handle.func1", File: "/src/it (copy)/pool.go", Line: 31},
		{Function: "main.main", File: "/src/main.go", Line: 9},
	}) {
		t.Errorf("the frames are %+v", got)
	}
	if _, err := parseStacks([]byte("<html>Log in</html>"), stacksOf(&stacks)); err != errNotStacks {
		t.Errorf("a page is read as %v", err)
	}
}

// The runtime of this Go writes what parseStacks reads.
func TestThisProcessIsRead(t *testing.T) {
	block, done := make(chan int), make(chan int)
	go func() { <-block; close(done) }()
	defer func() { close(block); <-done }()
	text := make([]byte, 1<<20)
	for { // until it blocks
		text = text[:cap(text)]
		text = text[:runtime.Stack(text, true)]
		var stacks []capture.Stack
		list, err := parseStacks(text, stacksOf(&stacks))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(g capture.Goroutine) bool {
			frames := stacks[g.Stack].Frames
			return g.State == "chan receive" && strings.HasSuffix(frames[0].Function, "TestThisProcessIsRead.func1") && strings.HasSuffix(frames[0].File, "stacktext_test.go")
		})
		if i >= 0 {
			if list[i].Creator == 0 || stacks[list[i].Stack].CreatedBy == "" {
				t.Errorf("who started it is not known: %+v, %+v", list[i], stacks[list[i].Stack])
			}
			return
		}
		runtime.Gosched()
	}
}

func FuzzParseStacks(f *testing.F) {
	f.Add([]byte(listed2))
	f.Add([]byte("goroutine 1 [running]:\n"))
	f.Add([]byte("goroutine 1 [x]:\n\t:\n(\n)\ncreated by "))
	f.Fuzz(func(t *testing.T, text []byte) {
		size := 0
		list, err := parseStacks(text, func(key []byte, read func() capture.Stack) (int, error) {
			for _, frame := range read().Frames {
				size += len(frame.Function) + len(frame.File)
			}
			return int(binary.LittleEndian.Uint16(append(key, 0, 0))), nil
		})
		if err == nil && len(list) == 0 || size > len(text) {
			t.Errorf("%d goroutines, %v, %d bytes of names of %d", len(list), err, size, len(text))
		}
	})
}

package timeline

import (
	"fmt"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// The stacks of the goroutines in this file, by letter.
var waitStacks = map[byte]string{
	'p': "runtime.selectgo < main.poll < net/http.HandlerFunc.ServeHTTP < net/http.(*http2serverConn).runHandler",
	't': "runtime.closechan < main.tell < net/http.HandlerFunc.ServeHTTP < net/http.(*http2serverConn).runHandler",
	'h': "net/http.(*http2serverConn).runHandler",
	'i': "runtime.chanrecv2 < main.worker", // idle
	'w': "runtime.chansend1 < main.worker",
	'b': "main.poll.func1",
	'q': "sync.(*Cond).Wait < github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire < main.worker",
	'l': "sync.(*Mutex).Lock < main.worker",
	'f': "syscall.fdatasync < syscall.Fsync < os.(*File).Sync < main.worker",
	'r': "net/http.(*connReader).backgroundRead",
}

// wakers reads steps such as "3>1t": goroutine 3 wakes 1 with the stack t. "0>1" wakes it
// without a waker. "+4h" creates 4 without a creator and "2+4b" lets 2 create it; 4 starts
// with that stack, and runs. "4p" waits for a channel, "4S" sleeps and "4f" enters the
// kernel. Steps are a microsecond apart.
func wakers(t *testing.T, text string) (records []trace.Record, classes []*class) {
	index := map[byte]int32{}
	var stacks []string
	stack := func(letter byte) int32 {
		if _, ok := index[letter]; !ok {
			if waitStacks[letter] == "" {
				t.Fatalf("no stack %q", letter)
			}
			stacks = append(stacks, waitStacks[letter])
			index[letter] = int32(len(stacks))
		}
		return index[letter]
	}
	at := int64(1000)
	for _, step := range strings.Fields(text) {
		at += 1000
		r := trace.Record{At: at, Other: -1}
		switch {
		case strings.Contains(step, ">"):
			r.Op, r.State, r.G = trace.OpWake, trace.StateRunnable, int32(step[2]-'0')
			if step[0] != '0' {
				r.Other, r.Stack2 = int32(step[0]-'0'), stack(step[3])
			}
			records = append(records, r)
			r = trace.Record{At: at, Other: -1, Op: trace.OpState, G: r.G, State: trace.StateRunning}
		case strings.Contains(step, "+"):
			i := strings.IndexByte(step, '+')
			r.Op, r.State, r.G, r.Stack2 = trace.OpCreate, trace.StateRunnable, int32(step[i+1]-'0'), stack(step[i+2])
			if i > 0 {
				r.Other, r.Stack = int32(step[0]-'0'), stack(step[i+3])
			}
			records = append(records, r)
			r = trace.Record{At: at, Other: -1, Op: trace.OpState, G: r.G, State: trace.StateRunning}
		case step[1] == '.':
			r.Op, r.G = trace.OpEnd, int32(step[0]-'0')
		case step[1] == 'f':
			r.Op, r.State, r.G, r.Stack = trace.OpState, trace.StateSyscall, int32(step[0]-'0'), stack('f')
			records = append(records, r)
			r = trace.Record{At: at + 500, Other: -1, Op: trace.OpState, G: r.G, State: trace.StateRunning}
		default:
			r.Op, r.State, r.Reason, r.G, r.Stack = trace.OpState, trace.StateWaiting, trace.ReasonRecv, int32(step[0]-'0'), stack(step[1])
			if step[1] == 'l' {
				r.Reason = trace.ReasonSync
			}
		}
		records = append(records, r)
	}
	return records, append([]*class{nil}, stackClasses(rules.New(), stacks)...)
}

func TestWhoEndedAWait(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"no waker", "+1h 1p 0>1 1.", "timer"},
		{"no waker, while a branch works", "+1h 1+2bp 1p 0>1 1. 2.", "own"},
		{"no waker, after the branch ended", "+1h 1+2bp 2. 1p 0>1 1.", "timer"},
		{"the window", "+1h 1p +2h", "nobody"},
		{"a client that left", "+1h +2r 1p 2>1r 1.", "nobody"},
		{"a branch", "+1h 1+2bp 1p 2>1w 1. 2.", "own"},
		{"a request that came later", "+1h 1p +2h 2>1t 1. 2.", "a later request, main.tell"},
		{"a request that was there", "+1h +2h 1p 2>1t 1. 2.", "a request, main.tell"},
		{"a goroutine of a later request", "+1h 1p +2h 2+3bt 3>1w 1. 2. 3.", "a later request, main.tell"},
		{"a hub that a later request woke", "+3i 3i +1h 1p +2h 2>3t 3>1w 1. 2.", "a later request, main.tell"},
		{"a hub that a request woke that was there", "+3i 3i +1h +2h 1p 2>3t 3>1w 1. 2.", "a request, main.tell"},
		{"a worker that was given it", "+3i 3i +1h 1>3p 1p 3>1w 1.", "own"},
		{"a worker that was given it, by another worker", "+3i 3i +4i 4i +1h 1>4p 4>3w 1p 3>1w 1.", "own"},
		{"a worker that was busy all the while", "+3i 3i 0>3 +1h 1p 3>1w 1.", "own"},
		{"a worker that was busy all the while, as is known", "+2h 2p +3i 3i 0>3 +1h 1p 3>1w 1.", "own"},
		{"a goroutine that the clock woke, and a request before", "+3i 3i +2h 2>3t 3i +1h 1p 0>3 3>1w 1.", "the first news, the last"},
		{"a worker with a file", "+3i 3i +1h 1p 0>3 3f 3>1w 1.", "own"},
		{"a worker that a later request gave a connection", "+3i 3q +1h 1p +2h 2>3t 3>1w 1. 2.", "own"},
		{"a goroutine that the clock woke", "+3i 3i +1h 1p 0>3 3>1w 1.", "the first news, the last"},
		{"a goroutine that the clock woke, and a lock", "+3i 3i +4i +1h 1p 0>3 3l 4>3w 3>1w 1.", "the first news, the last"},
		{"a goroutine that the clock woke, and another request waits", "+3i 3i +1h 1p +2h 2p 0>3 3>1w 1.", "the first news"},
		{"a goroutine that the clock woke, to tell another one first", "+3i 3i +2h 2p +1h 1p 0>3 3>2w 3>1w 1.", "news, the last"},
		{"a goroutine that the clock woke, of one that gave something away", "+3i 3i +4i 4i +1h 1>4p 1p 0>3 3>1w 1.", "own"},
	} {
		records, classes := wakers(t, c.steps)
		var got []string
		m := newMachine(nil, func(r *breakdown.Request) {
			for _, w := range r.Waits {
				if r.Goroutine == 1 {
					got = append(got, ended(&w))
				}
			}
		})
		apply(m, &batch{records: records, stacks: classes, first: records[0].At})
		m.finish()
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

func ended(w *breakdown.Waited) string {
	text := [...]string{breakdown.ByOwn: "own", breakdown.ByNobody: "nobody", breakdown.ByTimer: "timer", breakdown.ByRequest: "a request", breakdown.ByNews: "news"}[w.By]
	if w.Later {
		text = "a later request"
	}
	if w.First {
		text = "the first " + text
	}
	if w.Last {
		text += ", the last"
	}
	if w.Teller.Endpoint != "" {
		text += fmt.Sprint(", ", w.Teller.Endpoint)
	}
	return text
}

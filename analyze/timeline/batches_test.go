package timeline

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// The stacks of the goroutines in this file, by letter, and what they wait for.
var batchStacks = map[byte]string{
	'h': "net/http.(*http2serverConn).runHandler",
	'q': "runtime.chanrecv1 < main.(*wal).put < " + batchHandler, // the answer
	's': "runtime.chansend1 < main.(*wal).put < " + batchHandler,
	'c': "sync.(*Cond).Wait < main.(*wal).put < " + batchHandler,
	'k': "runtime.chansend1 < main.(*wal).put < " + batchHandler, // blocked
	'F': "syscall.Fsync < os.(*File).Sync < main.(*wal).commit < main.(*wal).put < " + batchHandler,
	'B': "sync.(*Cond).Broadcast < main.(*wal).put < " + batchHandler,
	'D': "syscall.Fsync < os.(*File).Sync < main.tell < " + batchHandler,
	'G': "main.(*wal).put < " + batchHandler, // starts a goroutine
	'r': "main.(*wal).run",
	'i': "runtime.chanrecv2 < main.(*wal).run",
	'v': "runtime.chanrecv1 < main.(*wal).run", // takes
	'g': "runtime.selectgo < main.(*wal).run",
	'f': "syscall.Fsync < os.(*File).Sync < main.(*wal).run",
	'l': "syscall.write < os.(*File).Write < log.(*Logger).Print < main.(*wal).run",
	'w': "runtime.closechan < main.(*wal).run",
	'b': "sync.(*Cond).Broadcast < main.(*wal).run",
	'o': "main.(*wal).run", // starts a goroutine
	'x': "main.(*wal).run.func1",
	'y': "runtime.closechan < main.(*wal).run.func1",
	'p': "runtime.chansend1 < main.(*wal).run",
	'z': "time.Sleep < main.(*wal).run",
	'j': "runtime.chanrecv2 < main.(*wal).answer",
	'a': "runtime.closechan < main.(*wal).answer",
}

const batchHandler = "main.handle < net/http.HandlerFunc.ServeHTTP < net/http.(*http2serverConn).runHandler"

var batchReasons = map[byte]trace.Reason{'q': trace.ReasonRecv, 'i': trace.ReasonRecv, 'j': trace.ReasonRecv, 'g': trace.ReasonSelect, 'c': trace.ReasonCond, 'k': trace.ReasonSend, 'p': trace.ReasonSend, 'z': trace.ReasonSleep}

// scripted reads steps such as "20:3>1w": at 20 µs goroutine 3 wakes 1 with the stack w.
// "0>1" wakes it without a waker. "+4h" creates 4, and "2+4xo" lets 2 create it with the
// stack o; it starts with the stack x, and runs. "4q" waits and "4f" enters the kernel; "4!"
// runs again, and "4?" is ready to. "4." ends. "4=f" has been in the kernel since before.
func scripted(t *testing.T, text string) (records []trace.Record, classes []*class) {
	index, stacks := map[byte]int32{}, []string(nil)
	stack := func(letter byte) int32 {
		if index[letter] == 0 {
			if batchStacks[letter] == "" {
				t.Fatalf("no stack %q", letter)
			}
			stacks = append(stacks, batchStacks[letter])
			index[letter] = int32(len(stacks))
		}
		return index[letter]
	}
	for _, field := range strings.Fields(text) {
		moment, step, _ := strings.Cut(field, ":")
		at, err := strconv.ParseInt(moment, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r := trace.Record{At: 1_000_000 + 1000*at, Other: -1, Op: trace.OpState, State: trace.StateRunning}
		state := r
		i := strings.IndexAny(step, "+>")
		if i < 0 {
			r.G = int32(step[0] - '0')
			switch letter := step[1]; letter {
			case '.':
				r.Op = trace.OpEnd
			case '=':
				r.Op, r.State = trace.OpStatus, trace.StateSyscall
			case '!':
			case '?':
				r.State = trace.StateRunnable
			case 'f', 'l', 'F', 'D':
				r.State, r.Stack = trace.StateSyscall, stack(letter)
			default:
				r.State, r.Stack, r.Reason = trace.StateWaiting, stack(letter), batchReasons[letter]
			}
			records = append(records, r)
			continue
		}
		r.G, r.State = int32(step[i+1]-'0'), trace.StateRunnable
		if i > 0 && step[0] != '0' {
			r.Other = int32(step[0] - '0')
		}
		switch {
		case step[i] == '>' && r.Other >= 0:
			r.Op, r.Stack2 = trace.OpWake, stack(step[i+2])
		case step[i] == '>':
			r.Op = trace.OpWake
		default:
			r.Op, r.Stack2 = trace.OpCreate, stack(step[i+2])
			if r.Other >= 0 {
				r.Stack = stack(step[i+3])
			}
		}
		state.G = r.G
		records = append(records, r, state)
	}
	return records, append([]*class{nil}, stackClasses(rules.New(), stacks)...)
}

func TestBatches(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"a sync for all that had come", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>1w
			502:9f 900:9! 901:9>2w 902:9>3w 903:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 398 wait 400, 3 file 398 wait 390"},
		{"a short sync after a long one", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 3500:9! 3501:9>1w
			3502:9f 3600:9! 3601:9>2w 3602:9>3w 3603:9i 3650:1. 3650:2. 3650:3.`,
			"1 file 3487, 2 file 98 wait 3400, 3 file 98 wait 3390"},
		{"a short sync after a long one that was under way when the window opened", `0:+1h 1:1q 2:9=f
			100:+2h 101:2q 5900:9! 5901:9>1w 5902:9f 6000:9! 6001:9>2w 6002:9i 6050:1. 6050:2.`,
			"2 file 98 wait 5800, 1 file 5899"},
		{"one after another", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>1w
			502:9f 900:9! 901:9>2w 902:9f 1200:9! 1201:9>3w 1202:9i 1250:1. 1250:2. 1250:3.`,
			"1 file 487, 2 file 398 wait 400, 3 file 298 wait 790"},
		{"a short job after a long one that it had not come before", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 500:9! 501:9>1w
			502:9f 600:+3h 601:3q 900:9! 901:9>2w 911:9>3w 912:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 398 wait 400, 3 wait 299"},
		{"short jobs among long ones, each of which leaves others behind", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 20:+2h 21:2q 22:+3h 23:3q 24:+4h 25:4q 26:+5h 27:5q 28:+6h 29:6q 30:+7h 31:7q
			500:9! 501:9>1w 502:9f 900:9! 901:9>2w 902:9>3w 903:9f 1300:9! 1301:9>4w 1302:9f 1700:9! 1701:9>5w
			1702:9f 2100:9! 2101:9>6w 2102:9>7w 2103:9i 2500:1. 2500:2. 2500:3. 2500:4. 2500:5. 2500:6. 2500:7.`,
			"1 file 487, 2 file 398 wait 480, 3 file 398 wait 478, 4 file 397 wait 877, 5 file 398 wait 1274, 6 file 398 wait 1672, 7 wait 2070"},
		{"each answer is encoded", `0:+9r 1:9i 10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>1w
			502:9f 900:9! 940:9>2w 980:9>3w 981:9i 1000:1. 1000:2. 1000:3.`,
			"1 file 487, 2 file 398 wait 400, 3 file 398 wait 390"},
		{"each answer is logged", `0:+9r 1:9i 10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>1w
			502:9f 900:9! 901:9>2w 902:9l 908:9! 909:9>3w 910:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 398 wait 400, 3 file 404 wait 390"},
		{"the writer is preempted amid the answers", `0:+9r 1:9i 10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>1w
			502:9f 900:9! 901:9>2w 902:9? 1302:9! 1303:9>3w 1304:9i 1350:1. 1350:2. 1350:3.`,
			"1 file 487, 2 file 398 wait 400, 3 file 398 scheduler 400 wait 390"},
		{"one after another, on a processor", `0:+9r 1:9i 10:+1h 11:1>9s 12:1q 100:+2h 101:2q 110:+3h 111:3q 500:9>1w
			900:9>2w 1300:9>3w 1301:9i 1350:1. 1350:2. 1350:3.`,
			"1, 2 wait 399, 3 wait 789"},
		{"the writer takes from a channel without a buffer", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2k 110:+3h 111:3k 500:9! 501:9>1w
			502:9>2v 503:9>3v 504:9f 510:2q 511:3q 900:9! 901:9>2w 902:9>3w 903:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 390 wait 401, 3 file 389 wait 392"},
		{"a dispatcher takes the next result between two answers", `0:+9r 1:9i 2:+8r 3:8i 4:+7r 5:7i
			10:+1h 11:1>8s 12:1q 13:8f 20:+2h 21:2>7s 22:2q 23:7z 500:8! 501:8>9p 502:8i 503:0>7 504:7p
			510:9>1w 511:9>7v 512:9>2w 513:9i 514:7i 550:1. 550:2.`,
			"1 file 487, 2 sleep 480 wait 6"},
		{"a window, once known", `0:+9r 1:9i 10:+1h 11:1>9s 12:1q 13:9g 213:0>9 214:9f 400:9! 401:9>1w 402:9i
			510:+2h 511:2>9s 512:2q 513:9g 600:+3h 601:3>9s 602:3q 603:9g 713:0>9 714:9f 900:9! 901:9>2w 902:9>3w 903:9i 950:1. 950:2. 950:3.`,
			"1 file 186 sleep 200, 2 file 186 sleep 198, 3 file 186 sleep 110"},
		{"a goroutine for each answer", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9+4xo 502:4>1y 503:4. 503:9f
			900:9! 901:9+5xo 902:9+6xo 903:5>2y 904:6>3y 905:5. 905:6. 906:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 397 wait 400, 3 file 397 wait 390"},
		{"another goroutine answers", `0:+9r 1:9i 2:+8r 3:8j
			10:+1h 11:1>9s 12:1q 13:9f 100:+2h 101:2q 110:+3h 111:3q 500:9! 501:9>8p 502:9f 503:8>1a 504:8j
			900:9! 901:9>8p 902:9i 903:8>2a 904:8>3a 905:8j 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 397 wait 400, 3 file 397 wait 390"},
		{"woken too early, and waiting again", `0:+9r 1:9i
			10:+1h 11:1>9s 12:1c 13:9f 100:+2h 101:2c 110:+3h 111:3c 500:9! 501:9>1b 501:9>2b 501:9>3b 502:9f 503:2c 504:3c
			900:9! 901:9>2b 902:9>3b 903:9i 950:1. 950:2. 950:3.`,
			"1 file 487, 2 file 397 wait 400, 3 file 396 wait 390"},
		{"a leader for others", `10:+1h 12:1F 100:+2h 101:2c 110:+3h 111:3c 500:1! 501:1>2B 501:1>3B 502:1. 503:3c
			503:2F 900:2! 901:2>3B 902:2. 903:3.`,
			"1 file 488, 2 file 397 wait 400, 3 file 397 wait 390"},
		{"a pool that wakes all", `10:+1h 12:1F 100:+2h 101:2c 110:+3h 111:3c 500:1! 501:1>2B 501:1>3B 502:1. 503:3c
			503:2F 900:2! 901:2>3B 902:2. 903:3F 1300:3! 1301:3.`,
			"1 file 488, 2 file 397 wait 400, 3 file 397 wait 788"},
		{"a goroutine of the first request", `10:+1h 11:1+9xG 12:1q 13:9f 100:+2h 101:2q 500:9! 501:9>1y 502:9>2y 503:9. 550:1. 550:2.`,
			"1 file 487, 2 file 399"},
		{"news of a later request", `10:+1h 11:1c 12:+2h 13:2c 100:+3h 101:3D 500:3! 501:3>1B 502:3>2B 503:3. 550:1. 550:2.`,
			"3 file 399, 1 wait 490, 2 wait 489"},
	} {
		records, classes := scripted(t, c.steps)
		var got []string
		m := newMachine(nil, func(r *breakdown.Request) {
			if err := r.Check(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			got = append(got, spentIn(r))
		})
		apply(m, &batch{records: records, stacks: classes, first: records[0].At})
		m.finish()
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

// spentIn returns a request's goroutine and its time in each bucket but cpu, in µs.
func spentIn(r *breakdown.Request) string {
	var spent [breakdown.NumBuckets]int64
	for i := range r.Path {
		spent[r.Path[i].Bucket] += r.Path[i].End - r.Path[i].Start
	}
	parts := []string{}
	for b, t := range spent {
		if t > 0 && breakdown.Bucket(b) != breakdown.CPU {
			parts = append(parts, fmt.Sprintf("%s %d", breakdown.Bucket(b), t/1000))
		}
	}
	for i := range parts {
		for j := i; j > 0 && parts[j] < parts[j-1]; j-- {
			parts[j], parts[j-1] = parts[j-1], parts[j]
		}
	}
	return strings.TrimSpace(fmt.Sprint(r.Goroutine, " ", strings.Join(parts, " ")))
}

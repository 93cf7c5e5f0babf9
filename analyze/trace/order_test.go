package trace

import (
	"testing"

	"timesink/analyze/trace/tracetest"
)

func TestDecodersAgreeOnWhatMayComeNext(t *testing.T) {
	const (
		decoded = "decoded"
		refused = "refused"
		left    = "left to the ordinary reader"
	)
	const running = `
		thread 0:
		ProcStatus dt=1 p=0 pstatus=1
		GoStatus dt=1 g=1 m=0 gstatus=2
		`
	for _, c := range []struct{ name, want, text string }{
		{"a goroutine runs", decoded, running},
		{"a goroutine starts where another runs", refused, running + `
			GoStatus dt=1 g=2 m=-1 gstatus=1
			GoStart dt=1 g=2 g_seq=1`},
		{"a goroutine starts twice", refused, running + `
			GoStop dt=1 reason=0 stack=0
			GoStart dt=1 g=1 g_seq=2`},
		{"a system call ends on a processor that runs", refused, `
			thread 0:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=0 gstatus=3
			GoSyscallEnd dt=1`},
		{"a goroutine in a system call creates another", refused, `
			thread 0:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=0 gstatus=3
			GoCreate dt=1 g=2 new_stack=0 stack=0`},
		{"a goroutine is created twice", refused, running + `
			GoCreate dt=1 g=2 new_stack=0 stack=0
			GoCreate dt=1 g=2 new_stack=0 stack=0`},
		{"a goroutine from C counts from 0 again after its status", decoded, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			GoSyscallEndBlocked dt=1
			ProcStatus dt=1 p=0 pstatus=2
			ProcStart dt=1 p=0 p_seq=1
			GoStart dt=1 g=4 g_seq=1
			GoStop dt=1 reason=0 stack=0
			GoStatus dt=1 g=4 m=-1 gstatus=1
			GoStart dt=1 g=4 g_seq=1`},
		{"two threads have a goroutine", left, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			thread 1:
			GoStatus dt=9 g=4 m=1 gstatus=3`},
		{"a thread has two goroutines in system calls", refused, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			thread 1:
			GoStatus dt=9 g=5 m=0 gstatus=3`},
		{"a goroutine sits in a system call on another thread", decoded, `
			thread 0:
			GoSyscallEndBlocked dt=20
			thread 1:
			GoStatus dt=9 g=5 m=0 gstatus=3`},
		{"a goroutine sits in a system call on no thread", refused, `
			thread 1:
			GoStatus dt=9 g=5 m=-1 gstatus=3`},
		{"a status event changes a goroutine's state", refused, running + `
			GoStatus dt=1 g=1 m=0 gstatus=4`},
		{"a processor is stolen from its thread", decoded, running + `
			GoSyscallBegin dt=1 p_seq=1 stack=0
			GoSyscallEndBlocked dt=90
			thread 1:
			ProcSteal dt=50 p=0 p_seq=2 m=0`},
		{"a processor is stolen from the wrong thread", refused, running + `
			GoSyscallBegin dt=1 p_seq=1 stack=0
			thread 1:
			ProcStatus dt=1 p=1 pstatus=1
			ProcSteal dt=50 p=0 p_seq=2 m=1`},
		{"a processor has two status events", left, running + `
			ProcStatus dt=1 p=0 pstatus=1`},
		{"no thread runs anything", decoded, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=-1 gstatus=2
			GoStatus dt=1 g=2 m=-1 gstatus=4
			GoUnblock dt=1 g=2 g_seq=1 stack=0`},
		{"no thread blocks", refused, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=-1 gstatus=2
			GoBlock dt=1 reason=0 stack=0`},
		{"no thread starts a processor", refused, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=2
			ProcStart dt=1 p=0 p_seq=1`},

		{"the world is stopped twice", refused, running + `
			STWBegin dt=1 kind=0 stack=0
			STWBegin dt=1 kind=0 stack=0`},
		{"the world starts that was not stopped", refused, running + `
			STWEnd dt=1`},
		{"a mark assist begins in another", refused, running + `
			GCMarkAssistBegin dt=1 stack=0
			GCMarkAssistBegin dt=1 stack=0`},
		{"a mark assist ends that did not begin", refused, running + `
			GCMarkAssistEnd dt=1`},
		{"a mark assist under way ends", decoded, running + `
			GCMarkAssistActive dt=1 g=1
			GCMarkAssistEnd dt=1`},
		{"a mark assist is under way twice", refused, running + `
			GCMarkAssistActive dt=1 g=1
			GCMarkAssistActive dt=1 g=1`},
		{"a mark assist is under way in an unknown goroutine", refused, running + `
			GCMarkAssistActive dt=1 g=2`},
		{"a mark phase under way ends", decoded, running + `
			GCActive dt=1 seq=7
			GCEnd dt=1 seq=8
			GCBegin dt=1 seq=9 stack=0`},
		{"a mark phase is under way after it began", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCActive dt=1 seq=2`},
		{"a mark phase is under way after one ended", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCEnd dt=1 seq=2
			GCActive dt=1 seq=3`},
		{"a mark phase begins in another", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCBegin dt=1 seq=2 stack=0`},
		{"a mark phase ends that did not begin", refused, running + `
			GCEnd dt=1 seq=1`},
		{"a mark phase ends too late", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCEnd dt=1 seq=3`},
		{"a sweep begins in another", refused, running + `
			GCSweepBegin dt=1 stack=0
			GCSweepBegin dt=1 stack=0`},
		{"a sweep ends that did not begin", refused, running + `
			GCSweepEnd dt=1 swept=0 reclaimed=0`},
		{"a sweep under way ends", decoded, running + `
			GCSweepActive dt=1 p=0
			GCSweepEnd dt=1 swept=0 reclaimed=0`},

		{"regions nest", decoded, running + `
			UserRegionEnd dt=1 task=5 name=0 stack=0
			UserRegionBegin dt=1 task=1 name=0 stack=0
			UserRegionBegin dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=1 name=0 stack=0`},
		{"an outer region ends first", refused, running + `
			UserRegionBegin dt=1 task=1 name=0 stack=0
			UserRegionBegin dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=1 name=0 stack=0`},
		{"a task begins twice", refused, running + `
			UserTaskBegin dt=1 task=1 parent=0 name=0 stack=0
			UserTaskBegin dt=1 task=1 parent=0 name=0 stack=0`},
		{"a log's key is missing", refused, running + `
			UserLog dt=1 task=1 key=1 value=0 stack=0`},
		{"a switch's stack is missing", refused, running + `
			GoStop dt=1 reason=0 stack=1`},

		{"a span is freed", decoded, running + `
			SpanFree dt=1 id=1`},
		{"no thread frees a span", refused, `
			thread -1:
			SpanFree dt=1 id=1`},
		{"two generations", refused, `Trace Go1.22
			EventBatch gen=3 m=0 time=1000 size=0` + running + `
			thread -1:
			Frequency freq=15625000`},
		{"two frequencies", refused, running + `
			thread -1:
			Frequency freq=1000`},
		{"no frequency", refused, `Trace Go1.22` + running},
		{"a frequency of zero", left, `Trace Go1.22` + running + `
			thread -1:
			Frequency freq=0`},
		{"clocks of Go 1.25", decoded, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5`},
		{"a frequency apart from the clocks", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5
			thread -1:
			Frequency freq=1000000`},
		{"two clocks", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5`},
		{"no clocks where they are required", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000`},
		{"an unknown version", refused, `Trace Go1.27` + running},

		{"a frame of a function without a name", refused, running + `
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=1 file=0 line=1`},
		{"a duplicate stack", refused, running + `
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=0 file=0 line=1
			Stack id=1 nframes=0`},
		{"a program counter that stands for two lines", decoded, running + `
			GoStop dt=1 reason=0 stack=1
			GoStart dt=1 g=1 g_seq=1
			GoBlock dt=1 reason=0 stack=2
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=0 file=0 line=1
			Stack id=2 nframes=1
			pc=1 func=0 file=0 line=2`},
		{"a string whose id is too high", left, running + `
			thread -1:
			Strings
			String id=1000000
			data="f"`},
		{"samples between events", decoded, running + `
			GoStop dt=50 reason=0 stack=0
			thread -1:
			CPUSamples
			CPUSample time=9000 m=0 p=0 g=0 stack=0
			CPUSample time=1010 m=0 p=0 g=1 stack=0
			CPUSample time=1002 m=0 p=0 g=1 stack=0`},
		{"a sample's stack is missing", refused, running + `
			thread -1:
			CPUSamples
			CPUSample time=1010 m=0 p=0 g=1 stack=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := encoded{data: tracetest.ByThread(t, c.text)}
			got := decoded
			if !newPair().agree(t, g) {
				got = refused
				if _, err := ordinary(g, newShared(Options{}), nil); err == nil {
					got = left
				}
			}
			if got != c.want {
				_, err := ordinary(g, newShared(Options{}), nil)
				t.Errorf("it is %s, want %s (%.80v)", got, c.want, err)
			}
		})
	}
}

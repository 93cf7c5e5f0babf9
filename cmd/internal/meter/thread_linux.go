package meter

import (
	"syscall"
	"unsafe"
)

// ThreadCPU returns the processor time of the calling thread so far, in nanoseconds. The
// goroutine must be locked to it. The call is not one that the runtime takes for a system
// call: it does not interrupt the goroutine's running state in a trace.
func ThreadCPU() int64 {
	const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

package trace

// A Record is an event reduced to what it says about goroutines, processors, and the
// program's tasks and regions. It holds no pointers, so a generation with a million records
// costs the garbage collector nothing.
//
// G and Other are indexes into the generation's IDs, -1 for none. Stack and Stack2 are
// indexes into its Stacks, 0 for no stack; if Op says that Stack2 is a name, it is an index
// into Names.
type Record struct {
	At            int64 // ns on the trace's clock
	G, Other      int32
	Stack, Stack2 int32
	Op            Op
	State         State
	Reason        Reason
}

// recordSize is the size of a Record in bytes.
const recordSize = 32

// An Op is what happened to a goroutine, a processor or the whole process. Fields of the
// Record that an Op does not mention have no meaning for it.
type Op uint8

const (
	OpState        Op = iota // G enters State, with Stack and Reason if it blocks or enters the kernel
	OpStatus                 // G is in State: repeated at the start of a generation, or at G's first occurrence
	OpWake                   // G stopped waiting and is in State; Other, if not -1, ended the wait at Stack2
	OpCreate                 // Other created G, which is in State, at Stack; G starts at Stack2
	OpEnd                    // G ended
	OpAssistBegin            // G starts a GC mark assist
	OpAssistEnd              // G ends its GC mark assist
	OpStopBegin              // G, if not -1, stops the world at Stack
	OpStopEnd                // the world starts again
	OpSample                 // a CPU sample hit G at Stack
	OpProcRun                // processor G starts to run
	OpProcIdle               // processor G becomes idle
	OpMaxProcs               // GOMAXPROCS becomes the number IDs[G]
	OpTaskBegin              // G starts user task Other, named Stack2, at Stack
	OpSubtaskBegin           // G starts user task Other, named Stack2, which is part of another, at Stack
	OpTaskEnd                // G ends user task Other at Stack
	OpRegionBegin            // G starts a user region, named Stack2, at Stack
	OpRegionEnd              // G ends the user region named Stack2 at Stack
	NumOps
)

// A State is what a goroutine is doing.
type State uint8

const (
	StateUnknown State = iota
	StateRunning
	StateRunnable
	StateWaiting
	StateSyscall
	NumStates
)

var stateNames = [NumStates]string{"unknown", "running", "runnable", "waiting", "syscall"}

// String returns the state's name, such as "running".
func (s State) String() string { return stateNames[s] }

// A Reason is the runtime's reason for a wait. The constants have the same number in every
// trace. Other reasons are numbered as they occur: Reader.ReasonName names them.
type Reason uint8

const (
	ReasonNone Reason = iota
	ReasonNetwork
	ReasonSelect
	ReasonSleep
	ReasonRecv
	ReasonSend
	ReasonSync // a mutex, an RWMutex, a WaitGroup
	ReasonCond
	ReasonGC
	ReasonSystem // a goroutine of the runtime waits until it is needed
	firstOtherReason
)

// yielded is the runtime's reason for a goroutine that gave its processor up by itself. The
// stacks of others that are ready to run are not kept: the scheduler stopped them anywhere.
const yielded = "runtime.Gosched"

// reasonNumbers maps the runtime's names to the fixed reasons.
var reasonNumbers = map[string]Reason{
	"":                              ReasonNone,
	"network":                       ReasonNetwork,
	"select":                        ReasonSelect,
	"select (no cases)":             ReasonSelect,
	"sleep":                         ReasonSleep,
	"chan receive":                  ReasonRecv,
	"chan send":                     ReasonSend,
	"sync":                          ReasonSync,
	"sync.(*Cond).Wait":             ReasonCond,
	"GC mark assist wait for work":  ReasonGC,
	"preempted":                     ReasonGC, // stopped so that its stack can be scanned
	"wait until GC ends":            ReasonGC,
	"GC weak to strong wait":        ReasonGC,
	"GC background sweeper wait":    ReasonGC,
	"wait for GC cycle":             ReasonGC,
	"blocked on a GC assist credit": ReasonGC,
	"system goroutine wait":         ReasonSystem,
}

var reasonNames = [firstOtherReason]string{
	ReasonNetwork: "network",
	ReasonSelect:  "select",
	ReasonSleep:   "sleep",
	ReasonRecv:    "chan receive",
	ReasonSend:    "chan send",
	ReasonSync:    "sync",
	ReasonCond:    "sync.(*Cond).Wait",
	ReasonGC:      "GC",
	ReasonSystem:  "system goroutine wait",
}

// String returns the name of a fixed reason, "" for ReasonNone, and "other" for reasons that
// only their Reader can name.
func (r Reason) String() string {
	if r < firstOtherReason {
		return reasonNames[r]
	}
	return "other"
}

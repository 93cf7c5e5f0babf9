// Package trace decodes Go execution traces into records, fast and in bounded memory.
//
// It is the first step of the analysis: bytes of a trace in, one Generation after another
// out. It knows goroutines, processors, stacks, and the program's tasks and regions, but no
// requests, no rules, and nothing about where time goes. Only this package imports the
// ordinary reader, golang.org/x/exp/trace.
//
// To read a trace:
//
//  1. Make a Reader with NewReader, which reads the header. Options.Budget bounds its memory
//     and Options.Workers how many generations are decoded at once.
//  2. If you need stacks, set Options.Attach. The workers call it once for each distinct
//     stack: classify the frames there, and return what your loop needs.
//  3. Range over Reader.Generations, and over the Records of each. Records refer to the
//     generation's IDs, Stacks and Names by index.
//  4. Carry state about a goroutine from one generation to the next by its id in IDs. Each
//     generation repeats the state of every goroutine (OpStatus), often without a stack.
//  5. Check Reader.Err. Generations before an error are whole.
//
// If generations may be missing, repeated or out of order, as in files assembled by other
// tools, check each with a Sequence before using it.
//
// # How it works
//
// A splitter cuts the trace into generations as it arrives (split.go), and a pipeline decodes
// several at once and passes them on in order (pipeline.go). The decoder parses the format
// (wire.go) and puts the threads' events in order (order.go, scheduler.go) in a sixth of the
// time that the ordinary reader takes. It leaves a generation in which anything is unexpected
// to the ordinary reader (ordinary.go). The results are the same: FuzzDecodersAgree compares
// the two.
//
// # Using it elsewhere
//
// This package and the packages below it depend only on golang.org/x/exp/trace,
// golang.org/x/sync and each other. To use them elsewhere, copy the folder and change the
// imports of byid and, in tests, of tracetest.
//
// # Limitations
//
// The ordinary reader decodes formats newer than Go 1.26, if it knows them, and traces of Go
// 1.21 and before, each as a single generation. Logs, heap metrics, GC phases and experiments
// have no records.
package trace

// Package trace decodes Go execution traces into records, fast and in bounded memory.
//
// It is the first step of the analysis: bytes of a trace in, one Generation after another out.
// It knows goroutines, processors, stacks, and what the program marked, but no requests, no
// rules, and nothing of where time goes. Only this package imports the ordinary reader,
// golang.org/x/exp/trace.
//
// To read a trace:
//
//  1. Make a Reader with NewReader, which reads the header. Options.Budget bounds its memory
//     and Options.Workers how many generations are decoded at once.
//  2. If you look at stacks, set Options.Attach. It is called once for each distinct stack, in
//     the workers: classify the frames there, and return what your loop needs to know.
//  3. Range over Reader.Generations, and over the Records of each. Records refer to the
//     generation's IDs, Stacks and Names by index.
//  4. Carry what you know of a goroutine from one generation to the next by its id in IDs. Each
//     generation repeats the state of every goroutine (OpStatus), often without a stack.
//  5. Look at Reader.Err. What came before an error is whole.
//
// If generations may be missing, repeated or out of order, as in files put together by others,
// ask a Sequence before using each.
//
// # How it works
//
// A splitter cuts the trace into its generations as it arrives (split.go), and a pipeline has
// several decoded at once and passes them on in order (pipeline.go). The decoder reads the
// format itself (wire.go) and puts the threads' events in order (order.go, scheduler.go) in a
// sixth of the time that the ordinary reader takes. A generation in which it meets anything
// unexpected is left to the ordinary reader (ordinary.go), whose result is the same:
// FuzzDecodersAgree holds one against the other.
//
// # Using it elsewhere
//
// The package and the ones below it depend on golang.org/x/exp/trace, golang.org/x/sync and
// each other alone. To lift it out, copy the folder and change the imports of byid and, in
// tests, of tracetest.
//
// # Limitations
//
// Formats newer than Go 1.26 are decoded by the ordinary reader, if it knows them. Traces of Go
// 1.21 and before are one single generation and are decoded by the ordinary reader, as a whole.
// Logs, heap metrics, GC phases and experiments make no record.
package trace

package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A Transfer is what a goroutine moves while it waits for a file or for a client.
type Transfer uint8

// The transfers. Of a wait for a file, Syncs, Writes and Reads; of a wait for a client, Sends
// and Receives.
const (
	NoTransfer Transfer = iota
	Syncs               // until a file's content is on the disk
	Writes              // to a file or a pipe
	Reads               // from a file or a pipe
	Sends               // to the client
	Receives            // from the client
)

// String returns the transfer's name in facts: "writes". That of NoTransfer is "looks", for
// calls that move nothing, as those that open or list files.
func (t Transfer) String() string {
	return [...]string{"looks", "syncs", "writes", "reads", "sends", "receives"}[t]
}

// transfers are the functions that move bytes. The leaf-most of a stack decides.
var transfers = func() map[string]Transfer {
	all := map[string]Transfer{}
	for transfer, functions := range map[Transfer][]string{
		Syncs: {"os.(*File).Sync", "internal/poll.(*FD).Fsync", "syscall.Fsync", "syscall.Fdatasync", "syscall.SyncFileRange",
			"golang.org/x/sys/unix.Fsync", "golang.org/x/sys/unix.Fdatasync", "golang.org/x/sys/unix.Msync", "golang.org/x/sys/unix.SyncFileRange"},
		Writes: {"os.(*File).Write", "os.(*File).WriteAt", "os.(*File).WriteString", "os.(*File).ReadFrom", "os.WriteFile",
			"syscall.Pwrite", "golang.org/x/sys/unix.Pwrite"},
		Reads: {"os.(*File).Read", "os.(*File).ReadAt", "syscall.Pread", "golang.org/x/sys/unix.Pread"},
		Sends: slices.Concat([]string{"net.(*conn).Write", "net.(*netFD).Write", "net.(*Buffers).WriteTo", "internal/poll.SendFile",
			"internal/poll.Splice", "net.(*TCPConn).ReadFrom",
			"google.golang.org/grpc/internal/transport.(*writeQuota).get"},
			http2Names("(*serverConn).writeDataFromHandler"), http2Names("(*serverConn).writeHeaders")),
		Receives: slices.Concat([]string{"net.(*conn).Read", "net.(*netFD).Read"},
			http2Names("(*requestBody).Read")),
	} {
		for _, f := range functions {
			all[f] = transfer
		}
	}
	return all
}()

// TransferOf returns what a wait with a stack, leaf first, moves.
func TransferOf(stack []breakdown.Frame) Transfer {
	for _, f := range stack {
		if t, ok := transfers[BaseName(f.Function)]; ok {
			return t
		}
	}
	return NoTransfer
}

// loggers are the packages that format and write log lines; one that ends in "/" stands
// for all packages below it.
var loggers = []string{
	"log", "log/slog", "log/",
	"github.com/sirupsen/logrus", "go.uber.org/zap", "go.uber.org/zap/", "github.com/rs/zerolog", "github.com/rs/zerolog/",
	"github.com/go-kit/log", "github.com/go-kit/log/", "github.com/go-kit/kit/log", "github.com/go-kit/kit/log/",
	"github.com/go-logr/", "k8s.io/klog", "k8s.io/klog/", "github.com/golang/glog", "github.com/hashicorp/go-hclog",
	"github.com/charmbracelet/log", "charm.land/log/", "github.com/apex/log", "github.com/apex/log/", "github.com/inconshreveable/log15",
	"github.com/inconshreveable/log15/", "github.com/phuslu/log", "github.com/lmittmann/tint", "github.com/uber-go/zap",
	"gopkg.in/natefinch/lumberjack.v2", "gopkg.in/natefinch/lumberjack.", "github.com/natefinch/lumberjack",
	"github.com/gookit/slog", "github.com/cihub/seelog", "github.com/op/go-logging", "gopkg.in/op/go-logging.v1",
}

// LoggerOf returns the package of the logger that a stack, leaf first, is in, as the
// service's code called it: the root-most. It returns "" if there is none.
func LoggerOf(stack []breakdown.Frame) (pkg string) {
	for _, f := range stack {
		if p := packageOf(f.Function); isLogger(p) {
			pkg = p
		}
	}
	return pkg
}

// isLogger reports whether a package is a logger.
func isLogger(pkg string) bool {
	return slices.ContainsFunc(loggers, func(l string) bool { return pkg == l || strings.HasSuffix(l, "/") && strings.HasPrefix(pkg, l) })
}

// flushes are the functions with which a handler sends what it has written so far to the
// client, however little that is.
var flushes = []string{"net/http.(*response).Flush", "net/http.(*response).FlushError"}

// buffered are the functions that move bytes of files in pieces of their own choice.
var buffered = []string{"bufio.(*Reader).", "bufio.(*Writer).", "io.copyBuffer", "io.ReadAll", "os.ReadFile", "os.WriteFile"}

// SmallCall returns what a system call with a stack, leaf first, moves, and reports whether
// the service's code decides how much of it: its write or read of a file that has no buffer,
// its flush to a client, or a call on a file that moves nothing.
func SmallCall(stack []breakdown.Frame) (Transfer, bool) {
	t := TransferOf(stack)
	switch t {
	case Sends:
		return t, slices.ContainsFunc(stack, func(f breakdown.Frame) bool { return slices.Contains(flushes, f.Function) })
	case Writes, Reads:
		return t, unbuffered(stack)
	}
	return t, t == NoTransfer
}

// SmallSend reports whether the service's code decides how much a system call moves to
// another system, by a connection that it uses without a client.
func SmallSend(c *breakdown.Cause) bool {
	return c.Rule == rawWrite && TransferOf(c.Stack) == Sends && unbuffered(c.Stack)
}

// unbuffered reports whether no buffer, and no logger, decides how much a call moves.
func unbuffered(stack []breakdown.Frame) bool {
	return LoggerOf(stack) == "" && !slices.ContainsFunc(stack, func(f breakdown.Frame) bool {
		return slices.ContainsFunc(buffered, func(b string) bool { return f.Function == b || isPrefix(b) && strings.HasPrefix(f.Function, b) })
	})
}

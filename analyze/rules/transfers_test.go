package rules_test

import (
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

func stackOf(text string) (stack []breakdown.Frame) {
	for _, f := range strings.Split(text, " < ") {
		stack = append(stack, breakdown.Frame{Function: f})
	}
	return stack
}

func TestTransfers(t *testing.T) {
	for _, c := range []struct {
		stack  string
		want   rules.Transfer
		logger string
	}{
		{"syscall.Syscall < syscall.fsync < syscall.Fsync < internal/poll.(*FD).Fsync.func1 < internal/poll.(*FD).Fsync < os.(*File).Sync < main.save < net/http.(*conn).serve", rules.Syncs, ""},
		{"golang.org/x/sys/unix.Fdatasync < main.(*wal).flush", rules.Syncs, ""},
		{"syscall.write < syscall.Write < internal/poll.(*FD).Write < os.(*File).Write < log/slog.(*commonHandler).handle < log/slog.(*JSONHandler).Handle < log/slog.(*Logger).log < main.get", rules.Writes, "log/slog"},
		{"syscall.write < syscall.Write < internal/poll.ignoringEINTRIO < os.(*File).Write < go.uber.org/zap/zapcore.(*ioCore).Write < go.uber.org/zap.(*Logger).Info < main.get", rules.Writes, "go.uber.org/zap"},
		{"syscall.read < os.(*File).Read < os.ReadFile < main.get", rules.Reads, ""},
		{"internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*pollDesc).waitWrite < internal/poll.(*FD).Write < net.(*netFD).Write < net.(*conn).Write < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Write < net/http.(*response).Write < main.export", rules.Sends, ""},
		{"internal/poll.runtime_pollWait < internal/poll.(*FD).Read < net.(*netFD).Read < net.(*conn).Read < net/http.(*connReader).Read < bufio.(*Reader).Read < io.(*LimitedReader).Read < net/http.(*body).Read < main.upload", rules.Receives, ""},
		{"runtime.selectgo < net/http.(*http2serverConn).writeDataFromHandler < net/http.(*http2responseWriterState).writeChunk < main.export", rules.Sends, ""},
		{"sync.(*Cond).Wait < net/http.(*connReader).abortPendingRead < net/http.(*response).finishRequest", rules.NoTransfer, ""},
		{"main.log < main.get", rules.NoTransfer, ""},
	} {
		stack := stackOf(c.stack)
		if got := rules.TransferOf(stack); got != c.want {
			t.Errorf("%s: %d, want %d", c.stack, got, c.want)
		}
		if got := rules.LoggerOf(stack); got != c.logger {
			t.Errorf("%s: the logger is %q, want %q", c.stack, got, c.logger)
		}
	}
}

func TestSmallCalls(t *testing.T) {
	for _, c := range []struct {
		name, stack string
		what        string
		want        bool
	}{
		{"a line written to a file", "syscall.write < internal/poll.(*FD).Write < os.(*File).Write < fmt.Fprintf < main.export", "writes", true},
		{"a line written to a buffer that is full", "syscall.write < os.(*File).Write < bufio.(*Writer).Flush < bufio.(*Writer).Write < fmt.Fprintf < main.export", "writes", false},
		{"a whole file written", "syscall.write < os.(*File).Write < os.WriteFile < main.save", "writes", false},
		{"a log line", "syscall.write < os.(*File).Write < log.(*Logger).output < log.Printf < main.get", "writes", false},
		{"a number read from a file", "syscall.read < os.(*File).Read < io.ReadAtLeast < encoding/binary.Read < main.load", "reads", true},
		{"a record read at its place", "syscall.pread < syscall.Pread < internal/poll.(*FD).Pread < os.(*File).ReadAt < main.load", "reads", true},
		{"the same, by number", "syscall.pread < syscall.Pread < main.load", "reads", true},
		{"the same, by another package", "golang.org/x/sys/unix.Pread < main.load", "reads", true},
		{"lines read through a buffer", "syscall.read < os.(*File).Read < bufio.(*Reader).fill < main.load", "reads", false},
		{"a whole file read", "syscall.read < os.(*File).Read < os.ReadFile < main.load", "reads", false},
		{"the rest of a file read", "syscall.read < os.(*File).Read < io.ReadAll < main.load", "reads", false},
		{"a file copied", "syscall.read < os.(*File).Read < io.copyBuffer < io.Copy < main.load", "reads", false},
		{"a file's date", "syscall.fstatat < os.lstatNolog < os.(*unixDirent).Info < main.newest", "looks", true},
		{"a file synced", "syscall.fsync < os.(*File).Sync < main.save", "syncs", false},
		{"a line flushed to the client", "syscall.write < net.(*conn).Write < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Flush < net/http.(*response).FlushError < main.export", "sends", true},
		{"the same, before Go 1.20", "syscall.write < net.(*conn).Write < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Flush < net/http.(*response).Flush < main.export", "sends", true},
		{"an answer longer than the server's buffer", "syscall.write < net.(*conn).Write < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Write < net/http.(*response).Write < main.export", "sends", false},
	} {
		if what, got := rules.SmallCall(stackOf(c.stack)); got != c.want || what.String() != c.what {
			t.Errorf("%s: %v, %v", c.name, what, got)
		}
	}
}

func TestSmallSends(t *testing.T) {
	for _, c := range []struct {
		name, rule, stack string
		want              bool
	}{
		{"a count sent to a collector", "net.(*conn).Write", "syscall.write < internal/poll.(*FD).Write < net.(*conn).Write < fmt.Fprintf < main.count", true},
		{"counts sent through a buffer", "net.(*conn).Write", "syscall.write < net.(*conn).Write < bufio.(*Writer).Flush < main.count", false},
		{"a log line sent", "net.(*conn).Write", "syscall.write < net.(*conn).Write < log.(*Logger).output < log.Printf < main.get", false},
		{"an answer of a collector", "net.(*conn).Read", "syscall.read < net.(*conn).Read < main.count", false},
		{"a client's request", "net/http.(*persistConn).writeLoop", "syscall.write < net.(*conn).Write < net/http.(*persistConn).writeLoop", false},
	} {
		if got := rules.SmallSend(&breakdown.Cause{Rule: c.rule, Stack: stackOf(c.stack)}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

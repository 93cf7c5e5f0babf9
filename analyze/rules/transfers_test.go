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
		{"syscall.read < os.(*File).Read < os.ReadFile < main.get", rules.NoTransfer, ""},
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

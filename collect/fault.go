package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"timesink/collect/capture"
)

// Errors of a service, or of the network on the way to it. Each is wrapped in a
// capture.Error with the details and a hint. A trace that is something else is
// capture.ErrNotTrace.
var (
	ErrNoHost         = errors.New("no such host")
	ErrRefused        = errors.New("connection refused")
	ErrUnreachable    = errors.New("no answer")
	ErrCertificate    = errors.New("TLS")
	ErrUnauthorized   = errors.New("unauthorized")
	ErrNotFound       = errors.New("not found")
	ErrRedirected     = errors.New("redirected")
	ErrTraceRunning   = errors.New("a trace is running already")
	ErrProfileRunning = errors.New("a CPU profile is running already")
	ErrOverloaded     = errors.New("overloaded")
	ErrWriteTimeout   = errors.New("the server's write timeout forbids the window")
	ErrStatus         = errors.New("unexpected HTTP status")
	ErrInterrupted    = errors.New("interrupted")
	ErrTooCostly      = errors.New("too costly for the service")
)

// A fault is one of the Err values with the details of one occurrence. Its text is
// the details alone.
type fault struct {
	kind  error
	seen  string
	cause error // may be nil
}

func (f *fault) Error() string { return f.seen }

func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func newFault(kind error, hint, format string, args ...any) error {
	return withHint(&fault{kind: kind, seen: fmt.Sprintf(format, args...)}, hint)
}

func withHint(f *fault, hint string) error { return &capture.Error{Err: f, Hint: hint} }

func configError(op, what, hint string) error {
	return &capture.Error{Op: op, Err: &fault{kind: ErrConfig, seen: what}, Hint: hint}
}

const (
	pprofHint = `the service must serve net/http/pprof there: import _ "net/http/pprof", ask the port it listens on, ` +
		`or give the full URL of the index if it has another path`
	accessHint = "give --bearer-file, --user, --cert or --pprof-header"
	doctorHint = "run timesink doctor to see what the service allows"
)

// reachFault returns the error for a request that got no answer. It contains
// nothing of the URL: the caller names the target.
func reachFault(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) { // drop it: it repeats the method and the URL
		err = ue.Err
	}
	f := &fault{kind: ErrUnreachable, seen: err.Error(), cause: err}
	hint := "check the address and the network path to it (VPN, firewall, kubectl port-forward)"
	var late *lateError
	var dns *net.DNSError
	socket := isSocket(err)
	if socket {
		hint = "check the path of the socket, and that the service is running"
	}
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	switch {
	case errors.As(err, &late):
		f.seen, hint = late.Error(), doctorHint
	case errors.Is(err, context.Canceled):
		f.kind, f.seen, hint = ErrInterrupted, "interrupted", ""
	case socket && errors.Is(err, fs.ErrNotExist):
		f.kind, f.seen = ErrRefused, "there is no such socket"
		hint = "check the path, that the service is running, and that its folder is mounted where timesink runs"
	case socket && errors.Is(err, syscall.ENOTDIR):
		f.kind, f.seen = ErrRefused, "there is no such socket"
		hint = socketHint
	case socket && errors.Is(err, fs.ErrPermission):
		f.kind, f.seen = ErrUnauthorized, "permission denied"
		hint = "run timesink as a user who may write to the socket"
	case socket && isRefused(err):
		f.kind, f.seen = ErrRefused, "connection refused"
		hint = "nothing listens on the socket: check that the service is running, and that this is its socket"
	case errors.As(err, &dns) && dns.IsNotFound:
		f.kind, f.seen = ErrNoHost, "no such host: "+dns.Name
		hint = "check the spelling; a name inside a cluster needs kubectl port-forward"
	case isRefused(err):
		f.kind, f.seen = ErrRefused, "connection refused"
		hint = "nothing listens there: check the port, and that the service is running and serves pprof on it"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.kind, f.seen, hint = ErrCertificate, "the server answers plain HTTP to TLS", "write http:// instead of https://"
	case errors.As(err, &authority):
		f.kind, hint = ErrCertificate, "give the authority's certificate with --cacert, or trust any with --insecure"
	case errors.As(err, &hostname), errors.As(err, &verification):
		f.kind, hint = ErrCertificate, "use the name in the certificate, or trust any with --insecure"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		f.kind, hint = ErrCertificate, "the server rejected the client: it may require a client certificate, --cert and --key"
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`):
		f.kind, f.seen, hint = ErrCertificate, "the server speaks TLS", "write https:// instead of http://"
	case isTimeout(err):
		f.seen = "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		f.seen = "the server closed the connection without an answer"
		hint = "check that the port serves HTTP, and look at the service's log"
	}
	return &capture.Error{Err: f, Hint: hint}
}

// isSocket reports whether a Unix domain socket could not be dialed.
func isSocket(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && op.Net == "unix"
}

// A lateError is the error of a side request that was canceled so that the window
// or the answer did not wait for it.
type lateError struct{ what string }

func (e *lateError) Error() string { return e.what }

// isLate reports whether err is a lateError.
func isLate(err error) bool {
	var late *lateError
	return errors.As(err, &late)
}

// endedBy returns why a request failed. If it was canceled as late, it returns
// that cause instead of the transport's error.
func endedBy(ctx context.Context, err error) error {
	var late *lateError
	if errors.As(context.Cause(ctx), &late) {
		return late
	}
	return err
}

// settles reports whether an error of one page holds for all pages of the service:
// it is unreachable or denies access.
func settles(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || slices.ContainsFunc(
		[]error{ErrNoHost, ErrRefused, ErrCertificate, ErrUnauthorized, ErrRedirected, ErrInterrupted},
		func(kind error) bool { return errors.Is(err, kind) })
}

// isRefused also knows the error number of Windows, which package syscall does not
// match with ECONNREFUSED.
func isRefused(err error) bool {
	const wsaeConnRefused = syscall.Errno(10061)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaeConnRefused)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// statusFaults lists the answers of net/http/pprof, and of what stands in front of
// it, that are recognized by their text.
var statusFaults = []struct {
	says string // part of the body
	kind error
	hint string
}{
	{"tracer already enabled", ErrTraceRunning, "one trace at a time: wait until the other one ends, or find the client that takes it (another timesink, a continuous profiler, gops)"},
	{"tracing is already enabled", ErrTraceRunning, "one trace at a time: wait until the other one ends, or find the client that takes it (another timesink, a continuous profiler, gops)"},
	{"cpu profiling already in use", ErrProfileRunning, "one CPU profile at a time: wait until the other one ends"},
	{"exceeds server's WriteTimeout", ErrWriteTimeout, "ask for a shorter window with -d, or remove the pprof server's WriteTimeout; from Go 1.23 on it has no effect"},
	{"HTTP request to an HTTPS server", ErrCertificate, "write https:// instead of http://"},
}

// statusFault returns the error for an answer with a status other than 200. It
// quotes the server's text, which must be scrubbed already.
func statusFault(status int, h http.Header, location, text string) error {
	quoted := fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	if text != "" {
		quoted += fmt.Sprintf(": %q", text)
	}
	for _, row := range statusFaults {
		if strings.Contains(text, row.says) {
			return newFault(row.kind, row.hint, "%s", quoted)
		}
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return newFault(ErrUnauthorized, accessHint, "%s", quoted)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return newFault(ErrNotFound, pprofHint, "%s", quoted)
	case status == http.StatusServiceUnavailable:
		return overloadFault(quoted, h)
	case status >= 300 && status < 400 && location != "":
		return newFault(ErrRedirected, "give the URL it points to, or, if it is a login page, give timesink access; credentials do not follow a redirect",
			"HTTP %d %s to %s", status, http.StatusText(status), location)
	}
	return newFault(ErrStatus, doctorHint, "%s", quoted)
}

// withOp adds the operation to an error.
func withOp(op string, err error) error {
	var e *capture.Error
	if errors.As(err, &e) && e.Op == "" {
		return &capture.Error{Op: op, Err: e.Err, Hint: e.Hint}
	}
	return &capture.Error{Op: op, Err: err}
}

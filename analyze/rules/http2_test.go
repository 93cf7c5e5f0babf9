package rules

import (
	"regexp"
	"slices"
	"testing"
)

const (
	h2round = "h2.(*ClientConn).roundTrip < h2.(*ClientConn).RoundTrip < h2.(*Transport).RoundTripOpt < h2.(*Transport).RoundTrip < net/http.(*Transport).roundTrip < net/http.(*Client).Do < " + handler
	h2write = netWrite + " < h2.stickyErrWriter.Write < bufio.(*Writer).Flush"
	h2run   = "h2.(*serverConn).runHandler"
	h2conn  = "net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < h2.initALPNRequest.ServeHTTP < " + h2run
	h2body  = "sync.(*Cond).Wait < h2.(*pipe).Read < h2.transportResponseBody.Read < io.ReadAll < "
)

// http2Cases apply to each place of HTTP/2. They write its package as h2.
var http2Cases = wherever([]tableCase{
	{"an HTTP/2 call waits for its answer", "runtime.selectgo < " + h2round, "upstream/response_wait http" + served},
	{"an HTTP/2 call waits for its stream", "h2.(*clientStream).abortRequestBodyWrite < example.com/api.Call < " + handler, "upstream/response_wait http" + served},
	{"an HTTP/2 call waits for a connection", "sync.(*Mutex).Lock < h2.(*clientConnPool).getClientConn < h2.(*Transport).RoundTrip < net/http.send < " + handler,
		"upstream/pool_wait http" + served},
	{"HTTP/2 connections are closed", netWrite + " < crypto/tls.(*Conn).Close < h2.(*ClientConn).closeConn < h2.(*Transport).CloseIdleConnections < net/http.(*Client).CloseIdleConnections < " + handler,
		"upstream/pool_wait http connection http/1 served no-call by main.(*API).Get at main.(*API).Get"},
	{"an HTTP/2 connection is dialed by a function of the service's", dial + " < main.dial < h2.(*Transport).dialTLS < h2.(*Transport).dialClientConn < h2.(*dialCall).dial",
		"upstream/connect http dials at main.dial"},
	{"an HTTP/2 call is made by its own transport", "runtime.selectgo < h2.(*Transport).RoundTripOpt < h2.(*Transport).RoundTrip < example.com/api.Call < " + handler,
		"upstream/response_wait http" + served},
	{"an HTTP/2 connection is used by itself", "runtime.selectgo < h2.(*ClientConn).RoundTrip < example.com/api.Call < " + handler,
		"upstream/response_wait http" + served},
	{"an HTTP/2 call's writer begins", "h2.(*clientStream).doRequest", "upstream/response_wait http writes"},
	{"an HTTP/2 call's writer waits", "runtime.selectgo < h2.(*clientStream).writeRequest < h2.(*clientStream).doRequest", "upstream/response_wait http writes limited"},
	{"an HTTP/2 call's header is written", h2write + " < h2.(*ClientConn).writeHeaders < h2.(*clientStream).encodeAndWriteHeaders < h2.(*clientStream).writeRequest < h2.(*clientStream).doRequest",
		"upstream/request_write http writes limited"},
	{"an HTTP/2 call's body is written", h2write + " < h2.(*clientStream).writeRequestBody < h2.(*clientStream).doRequest", "upstream/request_write http writes"},
	{"an HTTP/2 call's body waits for the peer's window", "sync.(*Cond).Wait < h2.(*clientStream).awaitFlowControl < h2.(*clientStream).writeRequestBody < h2.(*clientStream).writeRequest < h2.(*clientStream).doRequest",
		"upstream/request_write http writes limited"},
	{"an HTTP/2 answer's body is read", h2body + handler, "upstream/body_read http" + served},
	{"an HTTP/2 answer's zipped body is read", "sync.(*Cond).Wait < h2.(*pipe).Read < h2.transportResponseBody.Read < bufio.(*Reader).fill < h2.(*gzipReader).Read < io.ReadAll < " + handler, "upstream/body_read http" + served},
	{"an HTTP/2 connection's reader reads", netRead + " < bufio.(*Reader).Read < io.ReadAtLeast < h2.(*Framer).ReadFrame < h2.(*clientConnReadLoop).run < h2.(*ClientConn).readLoop",
		"upstream/response_wait http"},

	{"the loop of an HTTP/2 connection", "h2.(*serverConn).serve < h2.(*Server).ServeConn < net/http.(*conn).serve", "client_io http not-request http/1"},
	{"an HTTP/2 answer is written", "h2.(*serverConn).writeDataFromHandler < h2.(*responseWriterState).writeChunk < bufio.(*Writer).Flush < main.(*API).Get < " + h2run + " < h2.(*serverConn).scheduleHandler.gowrap1",
		"client_io http stream http/2 served at main.(*API).Get"},
	{"an HTTP/2 answer waits for its buffer", "bufio.(*Writer).Flush < h2.(*responseWriter).Write < main.(*API).Get < " + h2run, "client_io http stream http/2 served at main.(*API).Get"},
	{"an HTTP/2 body is read by its server", "sync.(*Cond).Wait < h2.(*pipe).Read < h2.(*requestBody).Read < main.(*API).Get < " + h2run, "client_io http stream http/2 served at main.(*API).Get"},
	{"an HTTP/2 answer is flushed", "runtime.selectgo < h2.(*serverConn).writeDataFromHandler < h2.(*responseWriter).FlushError < main.(*API).Get < " + h2conn,
		"client_io http stream http/2 served flushes by main.(*API).Get at main.(*API).Get"},
	{"an HTTP/2 answer is ended", "runtime.selectgo < h2.(*serverConn).writeDataFromHandler < h2.(*responseWriter).FlushError < h2.(*responseWriter).handlerDone < h2.(*serverConn).runHandler.func1",
		"client_io http stream http/2 served"},
})

var ofH2 = regexp.MustCompile(`\bh2\.[^ ]+`)

// wherever returns each case for each place of HTTP/2.
func wherever(cases []tableCase) (out []tableCase) {
	for _, c := range cases {
		for i, place := range []string{"net/http, bundled", "net/http/internal/http2", "x/net/http2"} {
			out = append(out, tableCase{c.name + " (" + place + ")", ofH2.ReplaceAllStringFunc(c.stack, func(f string) string { return http2Names(f[len("h2."):])[i] }), c.want})
		}
	}
	return out
}

// go127Cases are stacks of Go 1.27: net/http calls the package of HTTP/2, which calls
// back; closures have the name of the function whose source contains them, even if that
// is inlined.
var go127Cases = []tableCase{
	{"a call of Go 1.27 waits for its answer", "runtime.selectgo < net/http/internal/http2.(*ClientConn).roundTrip < net/http/internal/http2.(*ClientConn).RoundTrip < net/http/internal/http2.(*Transport).RoundTripOpt < net/http/internal/http2.(*Transport).RoundTrip < net/http.http2RoundTripper.RoundTrip.func1 < net/http.http2RoundTrip < net/http.http2RoundTripper.RoundTrip < net/http.(*Transport).roundTrip < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).do < net/http.(*Client).Do < " + handler,
		"upstream/response_wait http" + served},
	{"a request of Go 1.27 waits", "time.Sleep < main.(*API).Get < net/http.HandlerFunc.ServeHTTP < net/http.(*ServeMux).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.initALPNRequest.ServeHTTP < net/http.http2Handler.ServeHTTP < net/http/internal/http2.(*serverConn).runHandler < net/http/internal/http2.(*serverConn).scheduleHandler.gowrap1",
		"sleep stream http/2 served by main.(*API).Get at main.(*API).Get"},
	{"a request of Go 1.27 before its handler", "runtime.mallocgc < net/http.http2Handler.ServeHTTP < net/http/internal/http2.(*serverConn).runHandler < net/http/internal/http2.(*serverConn).scheduleHandler.gowrap1",
		"stream http/2 served"},
	{"a method of gRPC waits, built with Go 1.27", "time.Sleep < " + orderCall + "google.golang.org/grpc.(*Server).wrapUnaryHandler.func1 < google.golang.org/grpc.(*Server).processRPC < " + grpcStream,
		"sleep" + grpcServed},
}

func TestHTTP2IsRecognizedInEachPlace(t *testing.T) {
	for name, want := range map[string][]string{
		"(*ClientConn).":                {"net/http.(*http2ClientConn).", "net/http/internal/http2.(*ClientConn).", "golang.org/x/net/http2.(*ClientConn)."},
		"(*clientStream).doRequest":     {"net/http.(*http2clientStream).doRequest", "net/http/internal/http2.(*clientStream).doRequest", "golang.org/x/net/http2.(*clientStream).doRequest"},
		"transportResponseBody.":        {"net/http.http2transportResponseBody.", "net/http/internal/http2.transportResponseBody.", "golang.org/x/net/http2.transportResponseBody."},
		"initALPNRequest.ServeHTTP":     {"net/http.http2initALPNRequest.ServeHTTP", "net/http/internal/http2.initALPNRequest.ServeHTTP", "golang.org/x/net/http2.initALPNRequest.ServeHTTP"},
		"(*serverConn).runHandler":      {"net/http.(*http2serverConn).runHandler", "net/http/internal/http2.(*serverConn).runHandler", "golang.org/x/net/http2.(*serverConn).runHandler"},
		"(*responseWriter).FlushError.": {"net/http.(*http2responseWriter).FlushError.", "net/http/internal/http2.(*responseWriter).FlushError.", "golang.org/x/net/http2.(*responseWriter).FlushError."},
	} {
		if got := http2Names(name); !slices.Equal(got, want) {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

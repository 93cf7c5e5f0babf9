package rules

import "testing"

func TestTheInnermostDispatchNamesTheHandler(t *testing.T) {
	const (
		read = "internal/poll.(*FD).Read < example.com/db.Read < "
		mux  = "net/http.(*ServeMux).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		fn   = "net/http.HandlerFunc.ServeHTTP < "
	)
	table := New()
	for _, c := range []struct {
		name, stack, handler string
		depth                int
	}{
		{"a function", read + "main.get < " + fn + mux, "main.get", 1},
		{"a method value", read + "main.(*API).Get < main.(*API).Get-fm < " + fn + mux, "main.(*API).Get", 1},
		{"a method value whose method was inlined", read + "main.(*API).Get-fm < " + fn + mux, "main.(*API).Get", 1},
		{"a closure", read + "main.routes.func2 < " + fn + mux, "main.routes.func2", 1},
		{"a generic handler", read + "main.handle[...] < " + fn + mux, "main.handle[...]", 1},
		{"a handler type of the service", read + "main.(*API).load < main.(*API).ServeHTTP < " + mux, "main.(*API).ServeHTTP", 1},
		{"deeper calls do not count", read + "main.(*Store).Get < main.(*API).load < main.get < " + fn + mux, "main.get", 1},
		{"behind a logging closure", read + "main.get < " + fn + "main.logging.func1 < " + fn + mux, "main.get", 2},
		{"behind three closures", read + "main.get < " + fn + "main.auth.func1 < " + fn + "main.gzip.func1 < " + fn + "main.logging.func1 < " + fn + mux, "main.get", 4},
		{"in the middleware itself", read + "main.auth.func1 < " + fn + "main.logging.func1 < " + fn + mux, "main.auth.func1", 2},
		{"behind a library's middleware", read + "main.get < " + fn +
			"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.(*middleware).serveHTTP < go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.NewMiddleware.func1.1 < " + fn + mux, "main.get", 2},
		{"behind a library's handler type", read + "main.(*API).ServeHTTP < github.com/gorilla/handlers.loggingHandler.ServeHTTP < " + mux, "main.(*API).ServeHTTP", 2},
		{"behind StripPrefix", read + "net/http.(*fileHandler).ServeHTTP < net/http.StripPrefix.func1 < " + fn + mux, "net/http.(*fileHandler).ServeHTTP", 2},
		{"a reverse proxy", "net/http.(*persistConn).roundTrip < net/http.(*Transport).RoundTrip < net/http/httputil.(*ReverseProxy).ServeHTTP < " + mux, "net/http/httputil.(*ReverseProxy).ServeHTTP", 1},
		{"under a time limit, on the branch", read + "main.get < " + fn + "net/http.(*timeoutHandler).ServeHTTP.func1", "main.get", 1},
		{"under a time limit, on the connection", "net/http.(*timeoutHandler).ServeHTTP < " + mux, "", 0},
		{"a mux in a mux", read + "main.get < " + fn + "net/http.(*ServeMux).ServeHTTP < net/http.StripPrefix.func1 < " + fn + mux, "main.get", 2},
		{"the mux at work", "sync.(*RWMutex).RLock < net/http.(*ServeMux).findHandler < " + mux, "", 0},
		{"a handler that panics", "runtime.gopanic < main.get < " + fn + mux, "main.get", 1},
		{"a handler of TLS", read + "main.get < " + fn + "net/http.serverHandler.ServeHTTP < net/http.initALPNRequest.ServeHTTP < net/http.(*http2serverConn).runHandler", "main.get", 1},
		{"a function preempted as it is called", "runtime.asyncPreempt < " + fn + mux, "", 0},
		{"no server", read + "main.main", "", 0},
	} {
		got := table.Classify(stack(c.stack))
		if got.Handler != c.handler || got.Depth != c.depth {
			t.Errorf("%s: %q at depth %d, not %q at %d", c.name, got.Handler, got.Depth, c.handler, c.depth)
		}
		if got.Served == (c.name == "no server") {
			t.Errorf("%s: served is %t", c.name, got.Served)
		}
	}
}

func TestTheRootIsTheOutermostFrame(t *testing.T) {
	table := New()
	if got := table.Classify(stack("time.Sleep < main.tick < main.main.gowrap1")).Root(); got != "main.main.gowrap1" {
		t.Errorf("the root is %q", got)
	}
	if got := table.Classify(nil); got.Root() != "" || describe(got) != "" {
		t.Errorf("an empty stack says %q and %q", got.Root(), describe(got))
	}
}

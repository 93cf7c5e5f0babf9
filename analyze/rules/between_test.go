package rules

import "testing"

// A wait belongs to the service's handlers if they wait themselves, or if a library's
// handler between them and the server does.
func TestWhoWaits(t *testing.T) {
	const waits, serve = "runtime.gopark < runtime.selectgo < ", "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	for _, c := range []struct {
		name, stack   string
		between, bare bool
	}{
		{"a handler", waits + "main.get < net/http.HandlerFunc.ServeHTTP < " + serve, false, true},
		{"a time limit around all handlers", waits + "net/http.(*timeoutHandler).ServeHTTP < " + serve, true, true},
		{"a time limit that a handler calls", waits + "net/http.(*timeoutHandler).ServeHTTP < main.get < net/http.HandlerFunc.ServeHTTP < " + serve, true, true},
		{"middleware of a framework", waits + "github.com/gin-contrib/timeout.New.func1 < github.com/gin-gonic/gin.(*Context).Next < github.com/gin-gonic/gin.(*Engine).ServeHTTP < " + serve, true, true},
		{"a lock in a handler's own library", "sync.runtime_SemacquireMutex < sync.(*Mutex).Lock < net/http.(*timeoutHandler).ServeHTTP < " + serve, true, false},
		{"a library that a handler calls", waits + "example.com/lib.Wait < main.get < net/http.HandlerFunc.ServeHTTP < " + serve, false, false},
		{"a client that a library's handler calls", waits + "net/http.(*persistConn).roundTrip < net/http.(*Transport).RoundTrip < net/http/httputil.(*ReverseProxy).ServeHTTP < " + serve, false, false},
		{"the server", waits + "net/http.(*connReader).abortPendingRead < net/http.(*conn).serve", false, false},
		{"nothing but the runtime", "runtime.gopark < runtime.forcegchelper", false, false},
	} {
		got := New().Classify(stack(c.stack))
		if got.Between != c.between || got.Bare != c.bare {
			t.Errorf("%s: between is %v, bare is %v", c.name, got.Between, got.Bare)
		}
	}
}

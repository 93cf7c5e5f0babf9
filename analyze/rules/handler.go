package rules

import "strings"

// dispatch is a function's part in leading a request to its handler.
type dispatch uint8

const (
	dispatchNone    dispatch = iota
	dispatchHandler          // a ServeHTTP: the handler, unless a deeper one follows
	dispatchAdapter          // calls the function that is the handler
	dispatchRouter           // passes the request on to another ServeHTTP
)

// dispatchOf tells a dispatching function by its name. Every http.Handler has a
// ServeHTTP, so the innermost one is the handler, also behind middleware that
// nobody has listed here; only those that never answer by themselves are known
// by name.
func dispatchOf(name string) dispatch {
	if d, ok := dispatchers[name]; ok {
		return d
	}
	if strings.HasSuffix(name, ".ServeHTTP") {
		return dispatchHandler
	}
	return dispatchNone
}

var dispatchers = map[string]dispatch{
	"net/http.HandlerFunc.ServeHTTP":                            dispatchAdapter,
	"net/http.(*ServeMux).ServeHTTP":                            dispatchRouter,
	"net/http.serverHandler.ServeHTTP":                          dispatchRouter,
	"net/http.initALPNRequest.ServeHTTP":                        dispatchRouter,
	"net/http.(*timeoutHandler).ServeHTTP":                      dispatchRouter,
	"net/http/internal/http2.initALPNRequest.ServeHTTP":         dispatchRouter,
	"golang.org/x/net/http2/h2c.h2cHandler.ServeHTTP":           dispatchRouter,
	"golang.org/x/net/http2/h2c.(*h2cHandler).ServeHTTP":        dispatchRouter,
	"golang.org/x/net/http2.initALPNRequest.ServeHTTP":          dispatchRouter,
	"golang.org/x/net/http2.serverInternalHandler.ServeHTTP":    dispatchRouter,
	"net/http.http2serverInternalHandler.ServeHTTP":             dispatchRouter,
	"net/http.(*http2serverInternalHandler).ServeHTTP":          dispatchRouter,
	"golang.org/x/net/http2.(*serverInternalHandler).ServeHTTP": dispatchRouter,
}

// findHandler finds the innermost dispatch and what it calls.
func findHandler(c *Class, funcs []*function) {
	for i := len(funcs) - 1; i >= 0; i-- {
		d := funcs[i].dispatch
		c.Served = c.Served || d != dispatchNone
		called := i+1 < len(funcs) && funcs[i+1].dispatch == dispatchAdapter && d == dispatchNone && packageOf(c.Stack[i].Function) != "runtime"
		if d == dispatchHandler || called {
			c.Handler, c.Depth = strings.TrimSuffix(c.Stack[i].Function, "-fm"), c.Depth+1
		}
	}
}

package rules

import (
	"slices"
	"strings"
)

// dispatch is a function's part in leading a request to its handler.
type dispatch uint8

const (
	dispatchNone    dispatch = iota
	dispatchHandler          // a ServeHTTP: the handler, unless a deeper one follows
	dispatchAdapter          // calls the function that is the handler
	dispatchServer           // the same, but functions of its own library and of the standard library are not the handler
	dispatchRouter           // passes the request on to another ServeHTTP
	dispatchEntry            // the same, to one and the same for all requests
)

// dispatchOf returns a function's part in dispatching, judged by its name. Every
// http.Handler has a ServeHTTP, and every DNS server's handler a ServeDNS, so the innermost one is the handler, even behind
// middleware that is not listed here; only those that never answer themselves are known
// by name. The code that protoc generates for gRPC has a function for each method,
// which calls the service's.
func dispatchOf(name string) dispatch {
	if d, ok := dispatchers[name]; ok {
		return d
	}
	if slices.Contains(http2Routers, name) {
		return dispatchEntry
	}
	if strings.HasSuffix(name, ".HandlerFunc.ServeHTTP") {
		return dispatchAdapter // like net/http's, of functions that also return an error
	}
	if strings.HasSuffix(name, ".ServeHTTP") || strings.HasSuffix(name, ".ServeDNS") {
		return dispatchHandler
	}
	if own := name[len(packagePath(name)):]; strings.HasPrefix(own, "._") && strings.HasSuffix(own, "_Handler") {
		return dispatchServer
	}
	return dispatchNone
}

// dispatchers are the known ones. They do not include a function of the service that
// calls the next handler directly, as next(w, r) and not next.ServeHTTP(w, r): in one
// stack it looks like a handler that calls some other function of the service.
// Class.Below holds what tells the two apart over all stacks.
var dispatchers = map[string]dispatch{
	"net/http.HandlerFunc.ServeHTTP":                     dispatchAdapter,
	"net/http.(*ServeMux).ServeHTTP":                     dispatchRouter,
	"net/http.serverHandler.ServeHTTP":                   dispatchEntry,
	"net/http.initALPNRequest.ServeHTTP":                 dispatchEntry,
	"net/http.unencryptedHTTP2Request.ServeHTTP":         dispatchEntry,
	"net/http.http2Handler.ServeHTTP":                    dispatchEntry,
	"net/http.(*timeoutHandler).ServeHTTP":               dispatchEntry,
	"golang.org/x/net/http2/h2c.h2cHandler.ServeHTTP":    dispatchEntry,
	"golang.org/x/net/http2/h2c.(*h2cHandler).ServeHTTP": dispatchEntry,

	"github.com/go-chi/chi/v5.(*Mux).ServeHTTP":          dispatchRouter,
	"github.com/go-chi/chi/v5.(*ChainHandler).ServeHTTP": dispatchRouter,
	"github.com/gorilla/mux.(*Router).ServeHTTP":         dispatchRouter,
	"github.com/gin-gonic/gin.(*Engine).ServeHTTP":       dispatchRouter,
	"github.com/gin-gonic/gin.(*Context).Next":           dispatchAdapter,
	"github.com/labstack/echo/v4.(*Echo).ServeHTTP":      dispatchServer,
	"github.com/labstack/echo/v4.(*Echo).add":            dispatchServer,

	"github.com/valyala/fasthttp.(*Server).serveConn":        dispatchServer,
	"github.com/valyala/fasthttp.(*Server).serveConnCounted": dispatchServer,
	"github.com/gofiber/fiber/v2.(*App).handler":             dispatchRouter,
	"github.com/gofiber/fiber/v2.(*App).next":                dispatchServer,
	"github.com/gofiber/fiber/v2.(*Ctx).Next":                dispatchServer,

	"google.golang.org/grpc.(*Server).ServeHTTP":           dispatchRouter,
	"google.golang.org/grpc.(*Server).processUnaryRPC":     dispatchServer,
	"google.golang.org/grpc.(*Server).processStreamingRPC": dispatchServer,
	"google.golang.org/grpc.(*Server).processRPC":          dispatchServer,
	"google.golang.org/grpc.(*Server).wrapUnaryHandler":    dispatchServer,

	"github.com/miekg/dns.HandlerFunc.ServeDNS": dispatchAdapter,
	"github.com/miekg/dns.(*ServeMux).ServeDNS": dispatchRouter,

	"github.com/robfig/cron/v3.(*Cron).startJob":       dispatchServer,
	"github.com/robfig/cron/v3.FuncJob.Run":            dispatchServer,
	"github.com/robfig/cron/v3.Recover":                dispatchServer,
	"github.com/robfig/cron/v3.SkipIfStillRunning":     dispatchServer,
	"github.com/robfig/cron/v3.DelayIfStillRunning":    dispatchServer,
	"github.com/robfig/cron.(*Cron).runWithRecovery":   dispatchServer,
	"github.com/robfig/cron.FuncJob.Run":               dispatchServer,
	"github.com/hibiken/asynq.(*processor).perform":    dispatchServer,
	"github.com/hibiken/asynq.HandlerFunc.ProcessTask": dispatchServer,
	"github.com/hibiken/asynq.(*ServeMux).ProcessTask": dispatchServer,

	"connectrpc.com/connect.(*Handler).ServeHTTP":   dispatchRouter,
	"connectrpc.com/connect.NewUnaryHandler":        dispatchServer,
	"connectrpc.com/connect.NewClientStreamHandler": dispatchServer,
	"connectrpc.com/connect.NewServerStreamHandler": dispatchServer,
	"connectrpc.com/connect.NewBidiStreamHandler":   dispatchServer,
}

// findHandler finds the handler: the innermost function of the service's that a dispatch
// calls, within the innermost router. What it calls may be a library's handler, such as a
// reverse proxy. Without such a function it is the innermost that a dispatch calls. findHandler returns the index of
// the innermost function that led the request on, len(funcs) if there is none.
func findHandler(c *Class, funcs []*function) (led int) {
	led = len(funcs)
	var called []int // by dispatches, the outermost first
	for i := len(funcs) - 1; i >= 0; i-- {
		switch d := funcs[i].dispatch; {
		case d == dispatchNone && isHandler(c, funcs, i, led):
			led, called = i+1, append(called, i)
		case d == dispatchHandler:
			led, called = i, append(called, i)
		case d != dispatchNone && d != dispatchServer:
			led = i
		}
	}
	c.Served = c.Served || led < len(funcs)
	c.Origin = origin(c, funcs, called)
	if len(called) == 0 {
		return led
	}
	// What lies around a router is not the route's own function.
	router := slices.IndexFunc(funcs, func(f *function) bool { return f.dispatch == dispatchRouter })
	handler := len(called) - 1
	for i := handler; i >= 0 && (router < 0 || called[i] < router); i-- {
		if funcs[called[i]].service {
			handler = i
			break
		}
	}
	c.Handler, c.Depth = c.handler(called[handler]), handler+1
	if funcs[called[handler]].service {
		c.Led = c.Stack[called[handler]+1 : called[0]+1]
	}
	c.Unrouted = !slices.ContainsFunc(funcs[called[handler]+1:], isRouting)
	c.Dispatched = min(len(called)-1-handler, deepest-1)
	c.Below = below(c, funcs, called[handler:])
	c.Via = via(funcs, c.Below)
	return led
}

// isRouting reports whether a function around a handler may lead other requests to other
// handlers. fasthttp's server has a single one.
func isRouting(f *function) bool {
	return f.dispatch == dispatchRouter || f.dispatch == dispatchHandler || f.dispatch == dispatchServer && len(f.loops) == 0
}

// handler returns the name that the function at index i has as a handler.
func (c *Class) handler(i int) string { return strings.TrimSuffix(c.Stack[i].Function, "-fm") }

// deepest bounds the number of functions that may pass a request on, one to the next.
const deepest = 8

// below returns the handler and the functions that it may have passed the request on
// to: those of libraries that were dispatched to, and then the service's function that
// the last of these calls, directly or through a library, and, while these are closures,
// the one that each calls in turn. Only closures continue the chain, because middleware
// has to remember what comes next.
func below(c *Class, funcs []*function, called []int) []int {
	out := called[:min(len(called), deepest):min(len(called), deepest)]
	last := out[len(out)-1]
	if name, ok := strings.CutSuffix(c.Stack[last].Function, "-fm"); ok && last > 0 && name == c.Stack[last-1].Function {
		last--
		out = append(out[:len(out)-1], last)
	}
	for i := last - 1; i >= 0 && !funcs[i].standard && len(out) < deepest; i-- {
		if !funcs[i].service {
			continue // a library's wrapper around the next one
		}
		if out = append(out, i); !IsClosure(c.Stack[i].Function) {
			break
		}
	}
	if len(out) == 1 {
		return nil
	}
	return out
}

// via returns, for each of the functions below a handler, the library's function that
// called it for the one before, -1 if there is none. What only dispatches is left out.
func via(funcs []*function, below []int) []int {
	out := make([]int, len(below))
	for n, i := range below {
		out[n] = -1
		if n == 0 {
			continue
		}
		at := i + 1
		for at < below[n-1] && (funcs[at].standard || funcs[at].dispatch != dispatchNone) {
			at++
		}
		if !funcs[at].service {
			out[n] = at
		}
	}
	return out
}

// isHandler reports whether the function at index i was dispatched to. led is the index
// of the last function that led the request on. A library's middleware that is a
// function may call the next one directly.
func isHandler(c *Class, funcs []*function, i, led int) bool {
	if i+1 >= len(funcs) {
		return false
	}
	switch funcs[i+1].dispatch {
	case dispatchAdapter:
		return packageOf(c.Stack[i].Function) != "runtime"
	case dispatchServer:
		return funcs[i].service || isCalled(c.Stack[i].Function, c.Stack[i+1].Function)
	}
	return led < len(funcs) && funcs[led].dispatch == dispatchServer && funcs[i].service &&
		!slices.ContainsFunc(funcs[i+1:led], func(f *function) bool { return f.service || f.standard })
}

// isCalled reports whether a function that a server's function calls may be a handler:
// it is not in a server's package or internal to one, nor in the standard library.
func isCalled(name, server string) bool {
	pkg := packageOf(name)
	return !ofStandard(pkg) && !serving[pkg] && !strings.HasPrefix(pkg, packageOf(server)+"/internal/")
}

// serving are the packages of the servers that call handlers.
var serving = func() map[string]bool {
	of := map[string]bool{}
	for name, d := range dispatchers {
		if d == dispatchServer {
			of[packageOf(name)] = true
		}
	}
	return of
}()

package rules

import (
	"strings"
	"testing"
)

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
		{"a function that returns an error, through a type of the service", read + "shop/api.get < shop/api.HandlerFunc.ServeHTTP < " + mux, "shop/api.get", 1},
		{"a generic handler", read + "main.handle[...] < " + fn + mux, "main.handle[...]", 1},
		{"a handler type of the service", read + "main.(*API).load < main.(*API).ServeHTTP < " + mux, "main.(*API).ServeHTTP", 1},
		{"a closure that a handler gives to the next one", read + "main.(*counted).ServeHTTP.func1 < example.com/record.(*Writer).WriteHeader < main.(*API).ServeHTTP < main.(*counted).ServeHTTP < " + mux, "main.(*API).ServeHTTP", 2},
		{"a closure that a handler calls", read + "main.(*API).ServeHTTP.func1 < main.(*API).ServeHTTP < " + mux, "main.(*API).ServeHTTP", 1},
		{"deeper calls do not count", read + "main.(*Store).Get < main.(*API).load < main.get < " + fn + mux, "main.get", 1},
		{"behind a logging closure", read + "main.get < " + fn + "main.logging.func1 < " + fn + mux, "main.get", 2},
		{"behind three closures", read + "main.get < " + fn + "main.auth.func1 < " + fn + "main.gzip.func1 < " + fn + "main.logging.func1 < " + fn + mux, "main.get", 4},
		{"in the middleware itself", read + "main.auth.func1 < " + fn + "main.logging.func1 < " + fn + mux, "main.auth.func1", 2},
		{"behind a library's middleware", read + "main.get < " + fn +
			"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.(*middleware).serveHTTP < go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.NewMiddleware.func1.1 < " + fn + mux, "main.get", 2},
		{"behind a library's handler type", read + "main.(*API).ServeHTTP < github.com/gorilla/handlers.loggingHandler.ServeHTTP < " + mux, "main.(*API).ServeHTTP", 2},
		{"behind StripPrefix", read + "net/http.(*fileHandler).ServeHTTP < net/http.StripPrefix.func1 < " + fn + mux, "net/http.(*fileHandler).ServeHTTP", 2},
		{"a reverse proxy", "net/http.(*persistConn).roundTrip < net/http.(*Transport).RoundTrip < net/http/httputil.(*ReverseProxy).ServeHTTP < " + mux, "net/http/httputil.(*ReverseProxy).ServeHTTP", 1},
		{"a reverse proxy behind the route's function", "net/http.(*Transport).RoundTrip < net/http/httputil.(*ReverseProxy).ServeHTTP < main.main.func1 < " + fn + mux, "main.main.func1", 1},
		{"a metrics handler behind the route's function", read + "github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1 < " + fn + "github.com/prometheus/client_golang/prometheus/promhttp.InstrumentHandlerCounter.func1 < " + fn + "main.metrics < " + fn + mux, "main.metrics", 1},
		{"a metrics handler behind a router that middleware wraps", read + "github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1 < " + fn + "net/http.(*ServeMux).ServeHTTP < main.logged.func1 < " + fn + "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve",
			"github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1", 2},
		{"a library's handler that calls the service back, behind the route's function", "main.(*API).modify < net/http/httputil.(*ReverseProxy).modifyResponse < net/http/httputil.(*ReverseProxy).ServeHTTP < main.gate < " + fn + mux, "main.gate", 1},
		{"under a time limit, on the branch", read + "main.get < " + fn + "net/http.(*timeoutHandler).ServeHTTP.func1", "main.get", 1},
		{"under a time limit, on the connection", "net/http.(*timeoutHandler).ServeHTTP < " + mux, "", 0},
		{"a mux in a mux", read + "main.get < " + fn + "net/http.(*ServeMux).ServeHTTP < net/http.StripPrefix.func1 < " + fn + mux, "main.get", 2},
		{"the mux at work", "sync.(*RWMutex).RLock < net/http.(*ServeMux).findHandler < " + mux, "", 0},
		{"a handler that panics", "runtime.gopanic < main.get < " + fn + mux, "main.get", 1},
		{"a handler of TLS", read + "main.get < " + fn + "net/http.serverHandler.ServeHTTP < net/http.initALPNRequest.ServeHTTP < net/http.(*http2serverConn).runHandler", "main.get", 1},
		{"a function preempted as it is called", "runtime.asyncPreempt < " + fn + mux, "", 0},
		{"behind a function that calls the next one by itself", read + "main.get < main.auth.func1 < " + fn + mux, "main.auth.func1", 1},

		{"chi", read + "main.get < " + fn + "github.com/go-chi/chi/v5.(*ChainHandler).ServeHTTP < github.com/go-chi/chi/v5.(*Mux).routeHTTP < " + fn + "main.logged.func1 < " + fn + "github.com/go-chi/chi/v5.(*Mux).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve", "main.get", 3},
		{"gorilla/mux", read + "main.get < " + fn + "github.com/gorilla/mux.(*Router).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve", "main.get", 1},
		{"gin, the last of a chain", read + "main.get < github.com/gin-gonic/gin.(*Context).Next < main.logged < github.com/gin-gonic/gin.(*Context).Next < github.com/gin-gonic/gin.(*Engine).handleHTTPRequest < github.com/gin-gonic/gin.(*Engine).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve", "main.get", 2},
		{"gin's own middleware", "time.Sleep < github.com/gin-gonic/gin.CustomRecoveryWithWriter.func1 < github.com/gin-gonic/gin.(*Context).Next < github.com/gin-gonic/gin.(*Engine).ServeHTTP < net/http.(*conn).serve", "github.com/gin-gonic/gin.CustomRecoveryWithWriter.func1", 1},
		{"echo, below middleware of its own", read + "main.get < github.com/labstack/echo/v4/middleware.RequestIDWithConfig.func2.1 < github.com/labstack/echo/v4.(*Echo).add.func1 < main.logged.func1 < github.com/labstack/echo/v4.(*Echo).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve", "main.get", 3},
		{"echo, below middleware of another library", read + "main.get < example.com/limit.New.func1 < github.com/labstack/echo/v4.(*Echo).add.func1 < github.com/labstack/echo/v4.(*Echo).ServeHTTP < net/http.(*conn).serve", "main.get", 2},
		{"echo, looking for a route", "sync.(*Mutex).Lock < github.com/labstack/echo/v4.(*Router).Find < github.com/labstack/echo/v4.(*Echo).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve", "", 0},
		{"fasthttp", read + "main.get < " + fastConn, "main.get", 1},
		{"a router of fasthttp", read + "main.get < github.com/fasthttp/router.(*Router).Handler < " + fastConn, "main.get", 2},
		{"fiber", read + "main.get < github.com/gofiber/fiber/v2.(*Ctx).Next < main.logged < github.com/gofiber/fiber/v2.(*App).next < github.com/gofiber/fiber/v2.(*App).handler < " + fastConn, "main.get", 2},
		{"gRPC behind an interceptor", read + "main.(*orders).Get < shop/pb._Orders_Get_Handler.func1 < main.logged < google.golang.org/grpc.NewServer.chainUnaryServerInterceptors.chainUnaryInterceptors.func1 < shop/pb._Orders_Get_Handler < " + grpcUnary, "main.(*orders).Get", 1},
		{"gRPC without an interceptor", read + "main.(*orders).Get < shop/pb._Orders_Get_Handler < " + grpcUnary, "main.(*orders).Get", 1},
		{"a streaming method of gRPC behind an interceptor", read + "main.(*orders).List < shop/pb._Orders_List_Handler < main.logged < google.golang.org/grpc.(*Server).processRPC < " + grpcStream, "main.(*orders).List", 2},
		{"a message of gRPC is received", "google.golang.org/grpc.(*serverStream).RecvMsg < google.golang.org/grpc.(*Server).register.(*Server).wrapUnaryHandler.func1.1 < google.golang.org/grpc/health/grpc_health_v1._Health_Check_Handler < " + grpcUnary, "", 0},
		{"gRPC below net/http", "runtime.selectgo < google.golang.org/grpc/internal/transport.(*serverHandlerTransport).HandleStreams < google.golang.org/grpc.(*Server).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.unencryptedHTTP2Request.ServeHTTP < net/http.(*http2serverConn).runHandler", "", 0},
		{"connect behind an interceptor", read + "main.(*orders).Get < connectrpc.com/connect.NewUnaryHandler[...].func1 < main.logged.func1 < connectrpc.com/connect.NewUnaryHandler[...].func2 < connectrpc.com/connect.(*Handler).ServeHTTP < " + mux, "main.(*orders).Get", 2},
		{"no server", read + "main.main", "", 0},
	} {
		got := table.Classify(stack(c.stack))
		if got.Handler != c.handler || got.Depth != c.depth {
			t.Errorf("%s: %q at depth %d, not %q at %d", c.name, got.Handler, got.Depth, c.handler, c.depth)
		}
		if got.Served == (c.name == "no server") && got.Role != Stream {
			t.Errorf("%s: served is %t", c.name, got.Served)
		}
	}
}

// Middleware of libraries leads requests on to the service's handlers as the service's own does.
func TestMiddlewareLeadsToTheServicesHandlers(t *testing.T) {
	const (
		fn  = "net/http.HandlerFunc.ServeHTTP < "
		tel = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.NewMiddleware.func2.1"
		mux = "net/http.(*ServeMux).ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	)
	table := New()
	for _, c := range []struct{ handler, led string }{
		{"main.get", "net/http.HandlerFunc.ServeHTTP main.logged.func1 net/http.HandlerFunc.ServeHTTP " + tel},
		{"main.get < " + fn + "example.com/count.New.func1 < main.traced.func1", "net/http.HandlerFunc.ServeHTTP example.com/count.New.func1 main.traced.func1 net/http.HandlerFunc.ServeHTTP main.logged.func1 net/http.HandlerFunc.ServeHTTP " + tel},
		{"net/http.(*fileHandler).ServeHTTP", "net/http.HandlerFunc.ServeHTTP " + tel}, // to the service's own, which may be the route's
	} {
		got := table.Classify(stack("time.Sleep < " + c.handler + " < " + fn + "main.logged.func1 < " + fn + tel + " < " + fn + mux))
		var names []string
		for _, f := range got.Led {
			names = append(names, f.Function)
		}
		if led := strings.Join(names, " "); led != c.led {
			t.Errorf("to %s: led by %q, not by %q", c.handler, led, c.led)
		}
	}
}

// Class.Below lists the functions that a handler may have passed the request on to.
func TestFunctionsThatARequestMayHaveBeenPassedOnTo(t *testing.T) {
	const (
		query = "internal/poll.(*FD).Read < github.com/jackc/pgx/v5/pgxpool.(*Pool).QueryRow < shop/store.(*Store).Load < "
		fn    = "net/http.HandlerFunc.ServeHTTP < net/http.(*ServeMux).ServeHTTP < "
		tel   = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.(*middleware).serveHTTP < go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.NewMiddleware.func2.1 < net/http.HandlerFunc.ServeHTTP < "
		conn  = "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		echo  = "github.com/labstack/echo/v4.(*Echo).add.func1 < shop/api.logged.func1 < github.com/labstack/echo/v4.(*Echo).ServeHTTP < " + conn
	)
	table := New()
	for _, c := range []struct{ name, stack, below string }{
		{"three closures around a method, and a library's", query + "shop/api.(*API).Sell < shop/api.wrap.admitted.func1 < shop/api.wrap.recovered.func2 < shop/api.noted.func1 < " + fn + tel + conn,
			"shop/api.noted.func1 < shop/api.wrap.recovered.func2 < shop/api.wrap.admitted.func1 < shop/api.(*API).Sell"},
		{"in the middleware itself", "runtime.selectgo < shop/api.admit < shop/api.wrap.admitted.func1 < shop/api.wrap.recovered.func2 < shop/api.noted.func1 < " + fn + tel + conn,
			"shop/api.noted.func1 < shop/api.wrap.recovered.func2 < shop/api.wrap.admitted.func1 < shop/api.admit"},
		{"closures around a closure, all inlined", query + "shop/api.init.func4.(*API).rent.1 < shop/api.init.func4.traced.2 < shop/api.init.func4.counted.3 < net/http.HandlerFunc.ServeHTTP < " + conn,
			"shop/api.init.func4.counted.3 < shop/api.init.func4.traced.2 < shop/api.init.func4.(*API).rent.1 < shop/store.(*Store).Load"},
		{"a router of the service's own", query + "shop/api.(*API).Sell < shop/api.table.ServeHTTP < " + conn, "shop/api.table.ServeHTTP < shop/api.(*API).Sell"},
		{"a handler that calls a function", query + "shop/api.(*API).Sell < " + fn + conn, "shop/api.(*API).Sell < shop/store.(*Store).Load"},
		{"a handler that calls a library", "time.Sleep < example.com/wait.Wait < shop/api.(*API).Sell < " + fn + conn, ""},
		{"a handler at work itself", "time.Sleep < shop/api.(*API).Sell < " + fn + conn, ""},
		{"a method value", query + "shop/api.(*API).Sell < shop/api.(*API).Sell-fm < " + fn + conn, "shop/api.(*API).Sell < shop/store.(*Store).Load"},
		{"a method value whose method was inlined", query + "shop/api.(*API).Sell-fm < " + fn + conn, "shop/api.(*API).Sell-fm < shop/store.(*Store).Load"},
		{"a library calls the service back", "time.Sleep < shop/api.(*API).retry < example.com/backoff.Retry < shop/api.(*API).Sell < " + fn + conn, "shop/api.(*API).Sell < shop/api.(*API).retry"},
		{"the standard library calls the service back", "time.Sleep < shop/api.(*Order).MarshalJSON < encoding/json.Marshal < shop/api.(*API).Sell < " + fn + conn, ""},
		{"a dispatch further in counts, not what is around it", query + "shop/api.(*API).Sell < " + fn + "shop/api.logged.func1 < " + fn + conn, "shop/api.(*API).Sell < shop/store.(*Store).Load"},
		{"a router that is a library's", query + "shop/api.(*API).Sell < github.com/julienschmidt/httprouter.(*Router).ServeHTTP < " + conn, "github.com/julienschmidt/httprouter.(*Router).ServeHTTP < shop/api.(*API).Sell"},
		{"a library's handler behind the route's function", "net/http.(*Transport).RoundTrip < net/http/httputil.(*ReverseProxy).ServeHTTP < shop/api.gate < " + fn + conn, "shop/api.gate < net/http/httputil.(*ReverseProxy).ServeHTTP"},
		{"through a library's middleware", "os.(*File).Read < net/http.(*fileHandler).ServeHTTP < " + tel + "shop/api.logged.func1 < " + fn + conn,
			"shop/api.logged.func1 < go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.NewMiddleware.func2.1 < net/http.(*fileHandler).ServeHTTP"},
		{"two closures of one function, not inlined", "time.Sleep < shop/api.(*API).one < shop/api.(*API).one-fm < shop/api.(*API).register.func2.1 < shop/api.(*API).register.func1.1 < net/http.HandlerFunc.ServeHTTP < shop/api.(*API).register.func1.2 < " + fn + conn,
			"shop/api.(*API).register.func1.1 < shop/api.(*API).register.func2.1 < shop/api.(*API).one-fm"},
		{"echo, with a library's middleware between", query + "shop/api.(*API).order < shop/api.(*API).Sell < shop/api.recovered.func1 < github.com/labstack/echo/v4/middleware.RequestID.RequestIDWithConfig.func1.1 < shop/api.admitted.func1 < " + echo,
			"shop/api.admitted.func1 < shop/api.recovered.func1 < shop/api.(*API).Sell"},
		{"gin", query + "shop/api.(*API).order < shop/api.(*API).Sell < shop/api.admitted.func1 < github.com/gin-gonic/gin.(*Context).Next < shop/api.logged < github.com/gin-gonic/gin.(*Context).Next < github.com/gin-gonic/gin.(*Engine).handleHTTPRequest < github.com/gin-gonic/gin.(*Engine).ServeHTTP < " + conn,
			"shop/api.admitted.func1 < shop/api.(*API).Sell"},
		{"fasthttp", query + "shop/api.(*API).order < shop/api.(*API).Sell < shop/api.admitted.func1 < " + fastConn, "shop/api.admitted.func1 < shop/api.(*API).Sell"},
		{"gRPC behind interceptors that are closures", query + "main.(*orders).Get < shop/pb._Orders_Get_Handler.func1 < main.logged.func1 < google.golang.org/grpc.NewServer.chainUnaryServerInterceptors.chainUnaryInterceptors.func1 < shop/pb._Orders_Get_Handler < " + grpcUnary,
			"main.(*orders).Get < shop/store.(*Store).Load"},
		{"deeper than is looked", "time.Sleep < main.get" + strings.Repeat(" < main.around.func1", 9) + " < " + fn + conn, strings.Repeat("main.around.func1 < ", 7) + "main.around.func1"},
		{"no server", "time.Sleep < main.tick.func1 < main.main.gowrap1", ""},
	} {
		got := table.Classify(stack(c.stack))
		var names []string
		for _, i := range got.Below {
			names = append(names, got.Stack[i].Function)
		}
		if below := strings.Join(names, " < "); below != c.below {
			t.Errorf("%s:\n got %s\nwant %s", c.name, below, c.below)
		}
	}
}

// Class.Via holds the library's functions that call what a request was passed on to.
func TestLibraryThatCallsTheNextFunction(t *testing.T) {
	const (
		fn   = "net/http.HandlerFunc.ServeHTTP < "
		serv = "example.com/tel.(*middleware).serve < example.com/tel.New.func1 < "
		conn = "net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	)
	table := New()
	for _, c := range []struct{ name, stack, via string }{
		{"a function of middleware's", "time.Sleep < shop/api.name.func1 < " + serv + fn + conn, "- example.com/tel.(*middleware).serve"},
		{"middleware itself", "time.Sleep < shop/api.name.func1 < example.com/tel.New.func1 < " + fn + conn, "- example.com/tel.New.func1"},
		{"a dispatch", "time.Sleep < net/http.(*fileHandler).ServeHTTP < " + fn + serv + fn + "shop/api.logged.func1 < " + fn + conn, "- - example.com/tel.(*middleware).serve"},
		{"the service", "time.Sleep < shop/api.load < shop/api.get.func1 < " + fn + conn, "- -"},
	} {
		got := table.Classify(stack(c.stack))
		var names []string
		for _, i := range got.Via {
			name := "-"
			if i >= 0 {
				name = got.Stack[i].Function
			}
			names = append(names, name)
		}
		if via := strings.Join(names, " "); via != c.via {
			t.Errorf("%s: called by %q, not by %q", c.name, via, c.via)
		}
	}
}

func TestTheRootIsTheOutermostFrame(t *testing.T) {
	table := New()
	if got := table.Classify(stack("time.Sleep < main.tick < main.main.gowrap1")).Root(); got != "main.main.gowrap1" {
		t.Errorf("the root is %q", got)
	}
	if got := table.Classify(nil); got.Root() != "" || describe(got) != "" {
		t.Errorf("an empty stack has the root %q and means %q", got.Root(), describe(got))
	}
}

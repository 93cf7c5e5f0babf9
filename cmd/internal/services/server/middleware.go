package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"timesink/cmd/internal/services/scenario"
)

// wrapped lists handlers behind middleware that calls the next function directly. It
// differs from a handler in that it calls each of them.
var wrapped = slices.Concat(wrappedHandlers, wrappedGin)

var wrappedHandlers = []scenario.Scenario{
	serving("net/http, next(w, r)", handled(func(s *shop) http.Handler { return wrap(s.sell) }), "http/1", "(*shop).sell"),
	serving("net/http, next(w, r) to another", handled(func(s *shop) http.Handler { return wrap(s.buy) }), "http/1", "(*shop).buy"),
	serving("net/http, next(w, r) to a closure", handled(func(s *shop) http.Handler { return wrap(s.lend()) }), "http/1", "(*shop).lend.func1"),
	serving("net/http, a closure's closure", handled(func(s *shop) http.Handler { return counted(traced(s.rent())) }), "http/1", "(*shop).rent.func1"),
	serving("net/http, a router of its own", handled(func(s *shop) http.Handler { return table{"/": s.give, "/take": s.take} }), "http/1", "(*shop).give"),
	serving("net/http, a router of its own to another", handled(func(s *shop) http.Handler { return table{"/": s.take, "/give": s.give} }), "http/1", "(*shop).take"),
	serving("echo, next(c)", handled(echoed(func(s *shop) echo.HandlerFunc { return s.echoSell })), "http/1", "(*shop).echoSell"),
	serving("echo, next(c) to another", handled(echoed(func(s *shop) echo.HandlerFunc { return s.echoBuy })), "http/1", "(*shop).echoBuy"),
	serving("fasthttp, next(c)", fasted(func(s *shop) fasthttp.RequestHandler { return s.fastSell }), "http/1", "(*shop).fastSell"),
	serving("fasthttp, next(c) to another", fasted(func(s *shop) fasthttp.RequestHandler { return s.fastBuy }), "http/1", "(*shop).fastBuy"),
}

// wrap wraps a handler in three functions of the service, and its mux in one of a
// library.
func wrap(h http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", noted(recovered(admitted(h))))
	return otelhttp.NewHandler(mux, "shop")
}

func noted(next http.HandlerFunc) http.HandlerFunc {
	logger := log.New(io.Discard, "", log.LstdFlags)
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next(w, r)
		logger.Print(r.Method, r.URL, time.Since(start))
	}
}

func recovered(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				http.Error(w, "panic", http.StatusInternalServerError)
			}
		}()
		next(w, r)
	}
}

// admitted blocks, so that requests have stacks that end in it.
func admitted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := admit(r.Context(), r.Header.Get("Authorization")); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func admit(ctx context.Context, who string) error {
	known := make(chan error)
	go func() {
		if who != "" {
			known <- errors.New("nobody is known")
		}
		close(known)
	}()
	select {
	case err := <-known:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// counted and traced wrap a single handler, which is a closure.
func counted(next http.HandlerFunc) http.HandlerFunc {
	requests := 0
	return func(w http.ResponseWriter, r *http.Request) {
		next(w, r)
		requests++
	}
}

func traced(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		admit(r.Context(), "")
		next(w, r)
	}
}

func (s *shop) sell(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) buy(w http.ResponseWriter, r *http.Request)  { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) give(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
func (s *shop) take(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }

// lend and rent are not inlined: otherwise the compiler names their closures after
// the caller.
//
//go:noinline
func (s *shop) lend() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
}

//go:noinline
func (s *shop) rent() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }
}

// A table is a router in the service itself.
type table map[string]http.HandlerFunc

func (t table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handle, ok := t[r.URL.Path]; ok {
		handle(w, r)
		return
	}
	http.NotFound(w, r)
}

func echoed(handler func(*shop) echo.HandlerFunc) func(*shop) http.Handler {
	return func(s *shop) http.Handler {
		e := echo.New()
		e.Use(echoLogged)
		e.Group("", echoAdmitted, echomiddleware.RequestID()).GET("/", handler(s), echoRecovered)
		return e
	}
}

func echoAdmitted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := admit(c.Request().Context(), ""); err != nil {
			return err
		}
		return next(c)
	}
}

func echoRecovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errors.New("panic")
			}
		}()
		return next(c)
	}
}

func (s *shop) echoSell(c echo.Context) error { return s.echoOrder(c) }
func (s *shop) echoBuy(c echo.Context) error  { return s.echoOrder(c) }

func fasted(handler func(*shop) fasthttp.RequestHandler) scenario.Server {
	return scenario.Server{
		Listen: func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
			return serveFast(ctx, fastAdmitted(handler(&shop{do})))
		},
		Dial: scenario.DialHTTP,
	}
}

func fastAdmitted(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		if admit(c, "") == nil {
			next(c)
		}
	}
}

func (s *shop) fastSell(c *fasthttp.RequestCtx) { s.fastOrder(c) }
func (s *shop) fastBuy(c *fasthttp.RequestCtx)  { s.fastOrder(c) }

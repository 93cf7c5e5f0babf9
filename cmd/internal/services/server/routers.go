package server

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"timesink/cmd/internal/services/scenario"
)

var routers = []scenario.Scenario{
	serving("chi", handled(withChi), "http/1", "(*shop).order"),
	serving("gorilla/mux", handled(withGorilla), "http/1", "(*shop).order"),
	serving("echo", handled(withEcho), "http/1", "(*shop).echoOrder"),
}

// handled returns a server whose handler is a router.
func handled(router func(*shop) http.Handler) scenario.Server {
	return scenario.Server{
		Listen: func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
			return scenario.ServeHTTP(ctx, &http.Server{Handler: router(&shop{do})})
		},
		Dial: scenario.DialHTTP,
	}
}

func withChi(s *shop) http.Handler {
	r := chi.NewRouter()
	r.Use(logged, middleware.Recoverer)
	r.Route("/", func(r chi.Router) {
		r.With(func(next http.Handler) http.Handler { return authorized(next.ServeHTTP) }).Get("/", s.order)
	})
	return r
}

func withGorilla(s *shop) http.Handler {
	r := mux.NewRouter()
	r.Use(logged)
	r.PathPrefix("/").Subrouter().HandleFunc("/", authorized(s.order))
	return r
}

func withEcho(s *shop) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.Recover(), echoLogged)
	e.Group("", echomiddleware.RequestID()).GET("/", s.echoOrder)
	return e
}

func echoLogged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		c.Set("failed", err != nil)
		return err
	}
}

func (s *shop) echoOrder(c echo.Context) error {
	if err := s.do(c.Request().Context()); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

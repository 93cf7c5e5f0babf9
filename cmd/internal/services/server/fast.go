package server

import (
	"context"
	"net"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"timesink/cmd/internal/services/scenario"
)

var fast = []scenario.Scenario{
	serving("fasthttp", scenario.Server{Listen: listenFast, Dial: scenario.DialHTTP}, "http/1", "(*shop).fastOrder"),
	serving("fiber", scenario.Server{Listen: listenFiber, Dial: scenario.DialHTTP}, "http/1", "(*shop).fiberOrder"),
}

func listenFast(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	return serveFast(ctx, (&shop{do}).fastOrder)
}

func serveFast(ctx context.Context, handler fasthttp.RequestHandler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &fasthttp.Server{Handler: handler}
	go s.Serve(l)
	context.AfterFunc(ctx, func() { s.Shutdown() })
	return "http://" + l.Addr().String(), nil
}

func (s *shop) fastOrder(c *fasthttp.RequestCtx) {
	c.SetStatusCode(fasthttp.StatusNoContent)
	if err := s.do(context.Background()); err != nil {
		c.Error(err.Error(), fasthttp.StatusInternalServerError)
	}
}

func listenFiber(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(recover.New(), fiberLogged)
	app.Group("/").Get("/", func(c *fiber.Ctx) error { return c.Next() }, (&shop{do}).fiberOrder)
	go app.Listener(l)
	context.AfterFunc(ctx, func() { app.Shutdown() })
	return "http://" + l.Addr().String(), nil
}

func fiberLogged(c *fiber.Ctx) error {
	err := c.Next()
	c.Locals("failed", err != nil)
	return err
}

func (s *shop) fiberOrder(c *fiber.Ctx) error {
	if err := s.do(c.UserContext()); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

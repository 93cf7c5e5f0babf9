//go:build whole

package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"timesink/cmd/internal/services/scenario"
)

var gins = []scenario.Scenario{
	serving("gin", handled(withGin), "http/1", "(*shop).ginOrder"),
}

var wrappedGin = []scenario.Scenario{
	serving("gin, next(c)", handled(ginned(func(s *shop) gin.HandlerFunc { return s.ginSell })), "http/1", "(*shop).ginSell"),
	serving("gin, next(c) to another", handled(ginned(func(s *shop) gin.HandlerFunc { return s.ginBuy })), "http/1", "(*shop).ginBuy"),
}

func withGin(s *shop) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery(), ginLogged)
	r.GET("/", func(c *gin.Context) { c.Next() }, s.ginOrder)
	return r
}

func ginLogged(c *gin.Context) {
	c.Next()
	c.Set("status", c.Writer.Status())
}

func (s *shop) ginOrder(c *gin.Context) { scenario.Answer(c.Writer, s.do(c.Request.Context())) }

func ginned(handler func(*shop) gin.HandlerFunc) func(*shop) http.Handler {
	return func(s *shop) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		r.Use(ginLogged)
		r.GET("/", ginAdmitted(handler(s)))
		return r
	}
}

func ginAdmitted(next gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if admit(c.Request.Context(), "") == nil {
			next(c)
		}
	}
}

func (s *shop) ginSell(c *gin.Context) { s.ginOrder(c) }
func (s *shop) ginBuy(c *gin.Context)  { s.ginOrder(c) }

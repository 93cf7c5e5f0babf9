package cores

import (
	"context"
	"net/http"

	"timesink/cmd/internal/services/scenario"
)

func brieflyHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func longHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func pagesHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

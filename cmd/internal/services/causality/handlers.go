package causality

import (
	"context"
	"net/http"

	"timesink/cmd/internal/services/scenario"
)

// Handlers of scenarios whose report is checked: each is an endpoint.

func fanOutHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func workersHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func queueHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func condHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func writerHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

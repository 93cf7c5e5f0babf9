package local

import (
	"context"
	"net/http"

	"timesink/cmd/internal/services/scenario"
)

// Handlers of scenarios whose report is checked: each is an endpoint.

func mutexHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func readersHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func writersHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func semaphoreHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func channelHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func logHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func childHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func computingHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func retryableHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func backoffHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

func retryHandler(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) }
}

module steps

go 1.19

require (
	github.com/go-chi/chi/v5 v5.0.12
	golang.org/x/net v0.17.0
	golang.org/x/sync v0.7.0
)

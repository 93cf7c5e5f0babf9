// Command private is a service with private data in its traces: paths of its source,
// log messages, and names of its customers.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

//line /home/jane.doe/src/shop/main.go:1
type shop struct{ stock string }

func (s *shop) Order(w http.ResponseWriter, r *http.Request) {
	ctx, task := trace.NewTask(r.Context(), "order of mary@acme.example")
	defer task.End()
	trace.Log(ctx, "customer", "Mary Miller, 12 Main Street")
	pprof.Do(ctx, pprof.Labels("customer", "marymiller", "shard", "7"), func(ctx context.Context) {
		trace.WithRegion(ctx, "stock", func() { s.ask() })
		for end := time.Now().Add(2 * time.Millisecond); time.Now().Before(end); {
		}
	})
	io.WriteString(w, "done")
}

//line C:\Users\Mary Miller\src\shop\stock.go:1
func (s *shop) ask() {
	resp, err := http.Get(s.stock)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}

func main() {
	stock := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Millisecond) }))
	http.Handle("/v1/orders/{id}", http.HandlerFunc((&shop{stock.URL}).Order))
	server := httptest.NewServer(http.DefaultServeMux)
	fmt.Println(server.URL)
	io.Copy(io.Discard, os.Stdin)
}

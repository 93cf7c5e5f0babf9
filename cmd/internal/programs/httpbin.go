package programs

import (
	"context"
	"time"

	"timesink/analyze/breakdown"
)

// httpbin answers requests in many ways. It is a library here, in a main that counts what
// the library's observer says.
var httpbin = Program{
	Name: "httpbin", Package: "github.com/mccutchen/go-httpbin/v2", Version: "v2.26.0",
	Own: "github.com/mccutchen/go-httpbin/v2",
	Thin: `package main

import (
	"context"
	"encoding/json"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sync"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

func main() {
	var mu sync.Mutex
	counts, times := map[string]float64{}, map[string]float64{}
	bin := httpbin.New(httpbin.WithObserver(func(_ context.Context, r httpbin.Result) {
		mu.Lock()
		defer mu.Unlock()
		counts[r.Route]++
		times[r.Route] += float64(r.Duration)
	}))
	http.HandleFunc("/counts", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(w).Encode([]any{counts, times})
	})
	go http.ListenAndServe(os.Args[2], nil)
	http.ListenAndServe(os.Args[1], bin)
}
`,
	Start: startHTTPBin,
	Traffic: []Route{
		{Name: "/delay/{duration}", Path: "/delay/20ms", Rate: 60, Clients: 4, Blocks: true,
			Endpoint: "github.com/mccutchen/go-httpbin/v2/httpbin.(*HTTPBin).Delay",
			Split:    map[breakdown.Bucket]float64{breakdown.Sleep: 0.5},
			Sites:    []string{"github.com/mccutchen/go-httpbin/v2/httpbin.(*HTTPBin).Delay"}},
		{Name: "/drip", Path: "/drip?duration=30ms&numbytes=3&delay=0s", Rate: 30, Clients: 4, Blocks: true,
			Endpoint: "github.com/mccutchen/go-httpbin/v2/httpbin.(*HTTPBin).Drip"},
		{Name: "/bytes/{numBytes}", Path: "/bytes/50000", Rate: 40, Clients: 2, Blocks: true,
			Endpoint: "github.com/mccutchen/go-httpbin/v2/httpbin.(*HTTPBin).Bytes"},
		{Name: "GET /get", Path: "/get", Rate: 40, Clients: 2,
			Endpoint: "github.com/mccutchen/go-httpbin/v2/httpbin.(*HTTPBin).Get"},
	},
}

func startHTTPBin(p Place) (Running, error) {
	address, debug := p.Free(), p.Free()
	return Running{
		Args:  []string{address, debug},
		Pprof: "http://" + debug, Base: "http://" + address, Ready: "http://" + address + "/status/200",
		Count: func(ctx context.Context) (map[string]Counted, error) {
			var said [2]map[string]float64 // numbers and times, by route
			if err := fetchJSON(ctx, "http://"+debug+"/counts", &said); err != nil {
				return nil, err
			}
			out := map[string]Counted{}
			for route, n := range said[0] {
				out[route] = Counted{Requests: n, Time: time.Duration(said[1][route])}
			}
			return out, nil
		},
	}, nil
}

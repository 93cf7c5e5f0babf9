package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// send sends requests to the route at a rate, in requests a second, until the context
// ends, in an open loop: a slower service does not get fewer requests. The times
// between requests are exponential, and {vin} is replaced by the values in turn. It
// returns once every request is answered.
func send(ctx context.Context, route string, values []string, rate float64, seed uint64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	random := rand.New(rand.NewPCG(seed, 1))
	var all sync.WaitGroup
	defer all.Wait()
	next := time.Now()
	for i := 0; ; i++ {
		next = next.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		url := strings.ReplaceAll(route, "{vin}", values[i%len(values)])
		all.Go(func() {
			if r, err := client.Get(url); err == nil {
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
	}
}

package programs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// An Answered is one request as its client saw it, in nanoseconds since the Unix epoch.
type Answered struct{ Start, End int64 }

// A Traffic sends requests to a program until it is stopped.
type Traffic struct {
	mu     sync.Mutex
	by     map[string][]Answered
	failed map[string]error // the first failure of each route
	all    sync.WaitGroup
	stop   context.CancelFunc
}

// Send starts sending the routes' requests to the program at base.
func Send(ctx context.Context, base string, routes []Route) *Traffic {
	t := &Traffic{by: map[string][]Answered{}, failed: map[string]error{}}
	ctx, t.stop = context.WithCancel(ctx)
	began := time.Now()
	for _, r := range routes {
		clients := max(r.Clients, 1)
		for i := range clients {
			t.all.Go(func() { t.client(ctx, base, r, i, clients, began) })
		}
	}
	return t
}

// client sends every n-th request of a route at its time, over its own connection. It is
// late after a slow one.
func (t *Traffic) client(ctx context.Context, base string, r Route, first, n int, began time.Time) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := first; ; i += n {
		at := began.Add(time.Duration(float64(i) / r.Rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(at)):
		}
		start := time.Now()
		err := send(client, base, r, i)
		wall := time.Since(start)
		t.mu.Lock()
		if err != nil && t.failed[r.Name] == nil {
			t.failed[r.Name] = fmt.Errorf("%s: %w", r.Name, err)
		}
		t.by[r.Name] = append(t.by[r.Name], Answered{start.UnixNano(), start.UnixNano() + int64(wall)})
		t.mu.Unlock()
	}
}

// send sends one request and reads the answer.
func send(client *http.Client, base string, r Route, i int) error {
	path := strings.ReplaceAll(r.Path, "%d", fmt.Sprint(i))
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, base+path, strings.NewReader(r.Body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}

// Stop waits for the requests in flight and returns all of them by route, with the first
// failure.
func (t *Traffic) Stop() (map[string][]Answered, error) {
	t.stop()
	t.all.Wait()
	for _, err := range t.failed {
		return t.by, err
	}
	return t.by, nil
}

// Sent returns how many requests of each route have been answered.
func (t *Traffic) Sent() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := map[string]int{}
	for name, list := range t.by {
		sent[name] = len(list)
	}
	return sent
}

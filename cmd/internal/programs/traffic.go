package programs

import (
	"cmp"
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

// A Client sends requests over a connection of its own.
type Client interface {
	Send(i int) error // sends the request with this number and reads the answer
	Close() error
}

// Send starts sending the routes' requests to a program.
func Send(ctx context.Context, to Running, routes []Route) *Traffic {
	t := &Traffic{by: map[string][]Answered{}, failed: map[string]error{}}
	ctx, t.stop = context.WithCancel(ctx)
	began := time.Now()
	for _, r := range routes {
		clients := max(r.Clients, 1)
		for i := range clients {
			t.all.Go(func() { t.client(ctx, to, r, i, clients, began) })
		}
	}
	return t
}

// client sends every n-th request of a route at its time, over its own connection. It is
// late after a slow one.
func (t *Traffic) client(ctx context.Context, to Running, r Route, first, n int, began time.Time) {
	client, err := r.dial(to)
	if err != nil {
		t.fail(r.Name, err)
		return
	}
	defer client.Close()
	burst := max(r.Burst, 1)
	for i := first; ; i += n {
		at := began.Add(time.Duration(float64(i/burst*burst) / r.Rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(at)):
		}
		start := time.Now()
		err := client.Send(i)
		wall := time.Since(start)
		if err != nil {
			t.fail(r.Name, err)
		}
		t.mu.Lock()
		t.by[r.Name] = append(t.by[r.Name], Answered{start.UnixNano(), start.UnixNano() + int64(wall)})
		t.mu.Unlock()
	}
}

// fail records the failure of a route if it is the first one.
func (t *Traffic) fail(route string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed[route] == nil {
		t.failed[route] = fmt.Errorf("%s: %w", route, err)
	}
}

// dial opens a client for a route of a program.
func (r Route) dial(to Running) (Client, error) {
	if r.Dial != nil {
		return r.Dial(to.Address)
	}
	return httpClient{&http.Client{Transport: &http.Transport{}}, to.Base, r}, nil
}

// An httpClient sends the HTTP/1 requests of a route.
type httpClient struct {
	*http.Client
	base  string
	route Route
}

func (c httpClient) Send(i int) error {
	path := strings.ReplaceAll(c.route.Path, "%d", fmt.Sprint(i))
	method := cmp.Or(c.route.Method, http.MethodGet)
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(c.route.Body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
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

func (c httpClient) Close() error {
	c.CloseIdleConnections()
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

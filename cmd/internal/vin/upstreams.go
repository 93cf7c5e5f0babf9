package vin

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// The upstreams, each served under its name: GET /recalls/{vin}.
const (
	Recalls = "recalls"
	Specs   = "specs"
	Market  = "market"
	History = "history"
)

// UpstreamsConfig configures the upstreams.
type UpstreamsConfig struct {
	Listen string        // address; port 0 chooses a free one
	Base   time.Duration // minimum time of an answer
	Noise  time.Duration // mean of the additional exponential noise
	Seed   uint64        // of the noise; each upstream draws its own sequence
	TLS    bool          // serve HTTPS with a generated certificate
}

// Flags declares a flag for each field, with its default.
func (c *UpstreamsConfig) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:0", "`address` to serve on; port 0 chooses a free one")
	fs.DurationVar(&c.Base, "base", 20*time.Millisecond, "minimum time of an answer")
	fs.DurationVar(&c.Noise, "noise", 4*time.Millisecond, "mean of the additional exponential noise")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of the noise")
	fs.BoolVar(&c.TLS, "tls", false, "serve HTTPS with a generated certificate")
}

// ServeUpstreams serves all four upstreams until the context ends. It calls
// ready once, when it is listening.
func ServeUpstreams(ctx context.Context, c UpstreamsConfig, ready func(Ready)) error {
	mux := http.NewServeMux()
	for i, name := range []string{Recalls, Specs, Market, History} {
		mux.Handle("GET /"+name+"/{vin}", newUpstream(name, uint64(i), c))
	}
	s, err := listen(c.Listen, &http.Server{Handler: mux}, c.TLS)
	if err != nil {
		return err
	}
	ready(Ready{Role: "upstreams", URL: s.url, PID: pid()})
	return serveAll(ctx, s)
}

// An upstream answers with a realistic delay and size.
type upstream struct {
	name        string
	base, noise time.Duration

	mu     sync.Mutex
	random *rand.Rand
}

func newUpstream(name string, sequence uint64, c UpstreamsConfig) *upstream {
	return &upstream{name: name, base: c.Base, noise: c.Noise, random: rand.New(rand.NewPCG(c.Seed, sequence))}
}

func (u *upstream) delay() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.base + time.Duration(u.random.ExpFloat64()*float64(u.noise))
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(u.delay())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}
	type entry struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	entries := make([]entry, 8)
	for i := range entries {
		entries[i] = entry{fmt.Sprintf("%s-%02d", u.name, i), "an entry that the service hands on as it came"}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(struct {
		VIN     string  `json:"vin"`
		Source  string  `json:"source"`
		Entries []entry `json:"entries"`
	}{r.PathValue("vin"), u.name, entries})
}

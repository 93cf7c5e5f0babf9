package vin_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/vin"
)

// counting serves upstreams that report the address of each connection.
func counting(t *testing.T, seen func(remote string)) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r.RemoteAddr)
		io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestFailures(t *testing.T) {
	postgres := standIn(t)
	upstream := func(handler http.HandlerFunc) string {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, c := range []struct {
		name      string
		upstreams string
		timeout   time.Duration
		status    int
		says      string
	}{
		{"upstreams that are gone", "http://127.0.0.1:1", 0, http.StatusBadGateway, "refused"},
		{"upstreams that fail", upstream(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of stock", http.StatusTeapot)
		}), 0, http.StatusBadGateway, "418 I'm a teapot: out of stock"},
		{"upstreams that answer what is not JSON", upstream(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "<html>")
		}), 0, http.StatusBadGateway, "not JSON"},
		{"upstreams that take too long", upstream(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}), 10 * time.Millisecond, http.StatusGatewayTimeout, "Client.Timeout exceeded"},
	} {
		for _, calls := range []vin.Calls{vin.Sequential, vin.Concurrent} {
			t.Run(c.name+", "+string(calls), func(t *testing.T) {
				config := vin.Default[vin.Config]()
				config.Postgres, config.Upstreams, config.Timeout, config.Calls = postgres, c.upstreams, c.timeout, calls
				s := service(t, config)
				status, body := get(t, s.URL+"/v1/vin/1HGCM82633A004352")
				if status != c.status || !strings.Contains(string(body), c.says) {
					t.Errorf("%d %s", status, body)
				}
				if of := measured(t, s); len(of.Requests) != 1 || of.Requests[0].Status != c.status {
					t.Errorf("the truth says %+v", of.Requests)
				}
			})
		}
	}
}

func TestServeErrorsNameWhatIsMissing(t *testing.T) {
	ready := func(vin.Ready) { t.Error("it is ready") }
	for _, c := range []struct {
		name string
		set  func(*vin.Config)
		says string
	}{
		{"no database", func(c *vin.Config) { c.Postgres = "" }, "--postgres"},
		{"no upstreams", func(c *vin.Config) { c.Upstreams = "" }, "--upstreams"},
		{"an invalid DSN", func(c *vin.Config) { c.Postgres = "postgres://%zz" }, "reading the DSN"},
		{"a database that is gone", func(c *vin.Config) { c.Postgres = "postgres://127.0.0.1:1/x?sslmode=disable" }, "refused"},
		{"a port that is taken", func(c *vin.Config) { c.Pprof = strings.TrimPrefix(c.Upstreams, "http://") }, "port of pprof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := vin.Default[vin.Config]()
			config.Postgres, config.Upstreams, config.CPU = standIn(t), counting(t, func(string) {}), 0
			c.set(&config)
			if err := vin.Serve(t.Context(), config, ready); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// From Go 1.23 on, pprof extends the server's write timeout for a longer window,
// unless a wrapped ResponseWriter prevents it.
func TestWriteTimeoutCutsAWindowBehindAWrapper(t *testing.T) {
	config := vin.Default[vin.Config]()
	config.Postgres, config.CPU, config.WriteTimeout = standIn(t), 0, 200*time.Millisecond
	for _, wrap := range []bool{false, true} {
		config.WrapPprof = wrap
		s := service(t, config)
		response, err := http.Get(s.Pprof + "/debug/pprof/trace?seconds=0.5")
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if cut := err != nil; cut != wrap {
			t.Errorf("wrapped %v: %v", wrap, err)
		}
	}
}

func TestProtocols(t *testing.T) {
	postgres := standIn(t)
	for _, c := range []struct {
		name       string
		http2, tls bool
		client     func(*http.Protocols)
		proto      string
	}{
		{"HTTP/1", false, false, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		{"HTTP/2 over TLS", true, true, func(p *http.Protocols) { p.SetHTTP2(true) }, "HTTP/2.0"},
		{"HTTP/2 without", true, false, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, "HTTP/2.0"},
		{"HTTP/1 beside HTTP/2", true, false, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		{"HTTP/1 over TLS", false, true, func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }, "HTTP/1.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := vin.Default[vin.Config]()
			config.Postgres, config.HTTP2, config.TLS, config.CPU = postgres, c.http2, c.tls, 0
			s := service(t, config)
			transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			c.client(transport.Protocols)
			defer transport.CloseIdleConnections()
			response, err := (&http.Client{Transport: transport}).Get(s.URL + "/v1/vin/1HGCM82633A004352")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.Proto != c.proto || response.StatusCode != http.StatusOK {
				t.Errorf("%s %s", response.Proto, response.Status)
			}
		})
	}
}

func TestUpstreamsDrawTheSameNoiseFromTheSameSeed(t *testing.T) {
	draw := func(seed uint64) (noise []time.Duration) {
		return vin.Delays(vin.UpstreamsConfig{Base: time.Millisecond, Noise: time.Millisecond, Seed: seed}, 100)
	}
	first, again, other := draw(1), draw(1), draw(2)
	same, mean := 0, time.Duration(0)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("draw %d is %v and %v", i, first[i], again[i])
		}
		if first[i] == other[i] {
			same++
		}
		if first[i] < time.Millisecond {
			t.Errorf("draw %d is %v, less than the base", i, first[i])
		}
		mean += first[i] / time.Duration(len(first))
	}
	if same > 0 {
		t.Errorf("%d draws are the same from another seed", same)
	}
	if mean < 1500*time.Microsecond || mean > 2500*time.Microsecond {
		t.Errorf("the mean is %v", mean)
	}
}

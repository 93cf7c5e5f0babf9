package collect_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"sync"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

// wake keeps two goroutines waking each other until the test ends, which adds
// megabytes per second to a trace.
func wake(t *testing.T) {
	t.Helper()
	stop, ping := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for range ping {
		}
	})
	running.Go(func() {
		defer close(ping)
		for {
			select {
			case ping <- struct{}{}:
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		running.Wait()
	})
}

func TestMaxBytesEndsTheWindow(t *testing.T) {
	wake(t)
	cfg := short(t, serve(t, newMux()))
	cfg.Window = time.Minute
	cfg.MaxBytes = 200_000
	m, c := run(t, context.Background(), cfg)
	if got := len(readTrace(t, c)); got != 200_000 {
		t.Errorf("the trace has %d bytes", got)
	}
	if m.Window.Ended != capture.EndedMaxBytes || len(m.Warnings) != 2 || m.Part(capture.TracePart).Error == "" {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
}

func TestATraceThatFallsBehindEnds(t *testing.T) {
	wake(t)
	cfg := short(t, throttled(t, serve(t, newMux()), 100_000))
	cfg.Window = time.Minute
	cfg.MaxLag = 2500 * time.Millisecond
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if m.Window.Ended != capture.EndedLag || len(m.Warnings) != 2 {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
	if took := time.Duration(m.Window.End - m.Window.Start); took > 30*time.Second {
		t.Errorf("detecting the lag took %s", took)
	}
}

// throttled returns the URL of a slow proxy to the service. It passes rate
// bytes per second of answers larger than a page.
func throttled(t *testing.T, service string, rate int) string {
	return between(t, service, func(client, server net.Conn) {
		server.(*net.TCPConn).SetReadBuffer(4096)
		go func() {
			io.Copy(server, client)
			server.Close()
		}()
		defer client.Close()
		io.CopyN(client, server, 64<<10)
		for {
			if _, err := io.CopyN(client, server, int64(rate/50)); err != nil {
				return
			}
			time.Sleep(time.Second / 50)
		}
	})
}

// between returns the URL of a proxy that calls pass with each client's connection, and
// with one to the service for it.
func between(t *testing.T, service string, pass func(client, server net.Conn)) string {
	t.Helper()
	u, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + listen(t, func(client net.Conn) {
		server, err := net.Dial("tcp", u.Host)
		if err != nil {
			client.Close()
			return
		}
		pass(client, server)
	})
}

// listen returns the address of a server that calls serve with each client's connection.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func TestADiskWithoutTheReserveIsAnError(t *testing.T) {
	cfg := short(t, serve(t, newMux()))
	cfg.Reserve = 1 << 60
	checkError(t, fail(t, context.Background(), cfg), capture.ErrDiskFull, "of disk are free", "-o")
}

func TestInvalidConfigurationsAreErrors(t *testing.T) {
	url := serve(t, newMux())
	for _, tt := range []struct {
		name string
		edit func(*collect.Config)
		want string
		hint string
	}{
		{"negative window", func(c *collect.Config) { c.Window = -1 }, "a window of", "shortest"},
		{"window too short", func(c *collect.Config) { c.Window = time.Millisecond }, "a window of 1ms", "shortest"},
		{"window too long", func(c *collect.Config) { c.Window = 24 * time.Hour }, "a window of 24h", "longest"},
		{"negative bound", func(c *collect.Config) { c.MaxBytes = -1 }, "at most -1 bytes", "0 means"},
		{"negative rate", func(c *collect.Config) { c.Probing.Rate = -1 }, "a rate of -1", "between"},
		{"rate too high", func(c *collect.Config) { c.Probing.Rate = 1e9 }, "a rate of 1e+09", "between"},
		{"method that changes things", func(c *collect.Config) { c.Probing.Method = "DELETE"; c.Probing.URLs = []string{url} }, "probe with DELETE", "--allow-unsafe"},
		{"name without values", func(c *collect.Config) { c.Probing.URLs = []string{url + "/{id}"} }, "no values for {id}", "--values id=FILE"},
		{"values without a name", func(c *collect.Config) {
			c.Probing.URLs, c.Probing.Values = []string{url}, map[string][]string{"id": {"1"}}
		}, "none of them contains {id}", "in braces"},
		{"name in the host", func(c *collect.Config) { c.Probing.URLs = []string{"http://{id}/"} }, "probe", ""},
		{"URL of another scheme", func(c *collect.Config) { c.Probing.URLs = []string{"ftp://host/"} }, `scheme "ftp"`, "http(s)"},
		{"no target", func(c *collect.Config) { c.Target = collect.Target{} }, "no target", "host:port"},
		{"no certificate authority", func(c *collect.Config) { c.Target.TLS.CAFile = "/nonexistent" }, "/nonexistent", "PEM"},
		{"no client certificate", func(c *collect.Config) { c.Target.TLS.CertFile = "/nonexistent" }, "/nonexistent", "PEM"},
		{"key without a certificate", func(c *collect.Config) { c.Target.TLS.KeyFile = "/nonexistent" }, "a key without a certificate", "certificate"},
		{"probes' certificate authority", func(c *collect.Config) {
			c.Probing.URLs, c.Probing.TLS.CAFile = []string{url}, "/nonexistent"
		}, "/nonexistent", "PEM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := short(t, url)
			tt.edit(&cfg)
			checkError(t, fail(t, context.Background(), cfg), collect.ErrConfig, tt.want, tt.hint)
		})
	}
}

func TestATraceThatBeginsLateIsNotBehind(t *testing.T) {
	wake(t)
	h := with("trace", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(1500 * time.Millisecond) // as behind a request limiter
		pprof.Trace(w, r)
	})
	cfg := short(t, serve(t, h))
	cfg.Window = 2 * time.Second
	cfg.MaxLag = 1200 * time.Millisecond
	cfg.MaxBytes = 2_000_000 // enough to show that the first bytes did not end it
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	if e := m.Window.Ended; e != capture.EndedMaxBytes && e != capture.EndedInTime {
		t.Errorf("ended %s, warnings %v", e, m.Warnings)
	}
}

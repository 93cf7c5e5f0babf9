package fleet

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// slowly returns the DSN of a database behind a proxy that takes its time with each new
// connection, as a firewall, a resolver or a pooler in the way does.
func slowly(t *testing.T, dsn string, delay time.Duration) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	to := u.Host
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				time.Sleep(delay)
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				var both sync.WaitGroup
				both.Go(func() { io.Copy(server, client); server.(*net.TCPConn).CloseWrite() })
				both.Go(func() { io.Copy(client, server); client.(*net.TCPConn).CloseWrite() })
				both.Wait()
			}()
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"timesink/cmd/internal/services/scenario"
)

// ownPeers are the servers that only planted services need.
var ownPeers = []scenario.Peer{
	distant("postgres"), distant("mariadb"), distant("redis"), distant("mongodb"),
	{Name: "unreliable http", Serve: serveUnreliable},
	{Name: "http without 100 Continue", Serve: serveUnexpecting},
	{Name: "names", Serve: serveNames},
	{Name: "deaf on IPv6", Serve: serveDeaf},
}

// each is how much a distant server's answers, and the questions, are under way.
const each = 2 * time.Millisecond

// distant returns a proxy that is as slow as a network with a round trip of two times
// each. Its address is that of the server, with another host and port.
func distant(server string) scenario.Peer {
	return scenario.Peer{Name: "distant " + server, Needs: []string{server}, Serve: func(ctx context.Context, env scenario.Env, ready func(string)) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { l.Close() })
		address, to := env[server], strings.TrimPrefix(env[server], "mongodb://")
		if _, after, ok := strings.Cut(address, "@"); ok { // a DSN
			to, _, _ = strings.Cut(after, "/")
			to = strings.TrimSuffix(strings.TrimPrefix(to, "tcp("), ")")
		}
		ready(strings.Replace(address, to, l.Addr().String(), 1))
		for {
			conn, err := l.Accept()
			if err != nil {
				return nil // the context has ended
			}
			go join(conn, to)
		}
	}}
}

// join connects a client to a server until one of them closes the connection.
func join(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var both errgroup.Group
	both.Go(func() error { return delay(server, client) })
	both.Go(func() error { return delay(client, server) })
	both.Wait()
}

// A piece is data under way.
type piece struct {
	due  time.Time
	data []byte
}

// delay passes on what comes from a connection, some time later.
func delay(to, from net.Conn) error {
	pieces := make(chan piece, 1024)
	go func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			to.Write(p.data)
		}
	}()
	defer close(pieces)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		if n > 0 {
			pieces <- piece{time.Now().Add(each), buf[:n]}
		}
		if err != nil {
			return err
		}
	}
}

// serveUnreliable fails two requests of three.
func serveUnreliable(ctx context.Context, _ scenario.Env, ready func(string)) error {
	var number atomic.Int64
	url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if number.Add(1)%3 != 0 {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "done")
	})})
	if err != nil {
		return err
	}
	ready(url)
	<-ctx.Done()
	return nil
}

// serveUnexpecting answers requests without ever saying 100 Continue, as some servers and
// proxies do.
func serveUnexpecting(ctx context.Context, _ scenario.Env, ready func(string)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	ready("http://" + l.Addr().String())
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil // the context has ended
		}
		go func() {
			defer conn.Close()
			for r := bufio.NewReader(conn); ; {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				if _, err := io.Copy(io.Discard, req.Body); err != nil {
					return
				}
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}()
	}
}

// serveNames answers with the address of this machine for names of four labels that end
// in service.test, and for both.service.test with the one of IPv6 as well. There are no
// others. Each answer takes a while.
func serveNames(ctx context.Context, _ scenario.Env, ready func(string)) error {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		time.Sleep(3 * time.Millisecond)
		m, asked := new(dns.Msg).SetReply(q), q.Question[0]
		head := dns.RR_Header{Name: asked.Name, Rrtype: asked.Qtype, Class: dns.ClassINET, Ttl: 5}
		switch known := strings.HasSuffix(asked.Name, "service.test.") && strings.Count(asked.Name, ".") <= 3; {
		case !known:
			m.Rcode = dns.RcodeNameError
		case asked.Qtype == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: net.IPv4(127, 0, 0, 1)})
		case asked.Qtype == dns.TypeAAAA && strings.HasPrefix(asked.Name, "both."):
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: net.IPv6loopback})
		}
		w.WriteMsg(m)
	})}
	context.AfterFunc(ctx, func() { server.Shutdown() })
	ready(c.LocalAddr().String())
	return server.ActivateAndServe()
}

// serveDeaf serves HTTP at an address of IPv4. Nothing answers at that of IPv6 with the
// same port: the queue of its listener is full.
func serveDeaf(ctx context.Context, _ scenario.Env, ready func(string)) error {
	url, err := scenario.ServeHTTP(ctx, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })})
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	at, err := net.ResolveTCPAddr("tcp6", "[::1]:"+port)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	address := &unix.SockaddrInet6{Port: at.Port, Addr: [16]byte(net.IPv6loopback)}
	if err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1), unix.Bind(fd, address), unix.Listen(fd, 0)); err != nil {
		return err
	}
	for range 3 { // the first fills the queue, the others wait
		go new(net.Dialer).DialContext(ctx, "tcp", at.String())
	}
	ready(port)
	<-ctx.Done()
	return nil
}

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"timesink/cmd/internal/load"
)

// session returns one of the clients of a service.
func (c clients) session(service string) load.Session {
	at, err := url.Parse(service)
	if err != nil {
		panic(err) // the test's own
	}
	return &session{clients: c, host: at.Host, url: service + cmp.Or(c.path, "/")}
}

// A session is a client over HTTP/1.
type session struct {
	clients
	host, url string
	conn      net.Conn
	reader    *bufio.Reader
}

func (s *session) Get(ctx context.Context, _ string) (status int, err error) {
	if s.conn == nil {
		if s.conn, err = new(net.Dialer).DialContext(ctx, "tcp", s.host); err != nil {
			return 0, err
		}
		s.reader = bufio.NewReader(s.conn)
		if s.slowly > 0 {
			s.conn.(*net.TCPConn).SetReadBuffer(part) // else the kernel reads for it
		}
	}
	conn := s.conn
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	status, keep, err := s.exchange()
	if err != nil || !keep || s.dials {
		s.Close()
	}
	if s.think > 0 && err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(s.think):
		}
	}
	return status, err
}

func (s *session) exchange() (status int, keep bool, err error) {
	request, err := http.NewRequest(http.MethodGet, s.url, nil)
	if err != nil {
		return 0, false, err
	}
	if s.body > 0 {
		request.Method, request.ContentLength = http.MethodPost, int64(s.body)
		request.Body = io.NopCloser(&slowBody{bytes.NewReader(make([]byte, s.body)), s.pauses})
	}
	if err := request.Write(s.conn); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(s.reader, request)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	return response.StatusCode, !response.Close, s.read(response.Body)
}

// A slowBody pauses before each part of a request's body.
type slowBody struct {
	*bytes.Reader
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.pause)
	return b.Reader.Read(p[:min(len(p), part)])
}

// WriteTo hides that of the reader, which does not pause.
func (b *slowBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func (s *session) read(body io.Reader) error {
	for s.slowly > 0 {
		if _, err := io.CopyN(io.Discard, body, part); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		time.Sleep(s.slowly)
	}
	_, err := io.Copy(io.Discard, body)
	return err
}

func (s *session) Close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

package collect

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// The URL of a service behind a Unix domain socket is
//
//	unix:///run/app.sock                   the pprof index under /debug/pprof/
//	unix:///run/app.sock:/internal/pprof/  a path behind the socket, as nginx writes it
//	unix:///C:/app/app.sock                on Windows
//
// Internally it is an http URL whose host stands for the socket, so that requests,
// connection pools and redirects treat it as any other host. Only the dialer, the
// choice of a proxy and the displayed text know better.

// socketDomain is the suffix of hosts that stand for sockets. RFC 2606 reserves
// .invalid, so no real host has it.
const socketDomain = ".unix-socket.invalid"

// socketHost returns the host that stands for the socket at path.
func socketHost(path string) string { return hex.EncodeToString([]byte(path)) + socketDomain }

// socketPath returns the path of the socket that a host, with or without a port, stands
// for; ok is false for other hosts.
func socketPath(host string) (path string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	digits, ok := strings.CutSuffix(host, socketDomain)
	if !ok {
		return "", false
	}
	data, err := hex.DecodeString(digits)
	return string(data), err == nil
}

const (
	socketScheme = "unix:"
	socketHint   = "write a socket as unix:///run/app.sock, and a path behind it as unix:///run/app.sock:/path"
)

// parseSocketURL parses a URL with scheme unix.
func parseSocketURL(op, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, configError(op, "not a URL", socketHint)
	case u.Host != "" || u.Opaque != "" || u.Path == "":
		return nil, configError(op, "not the absolute path of a socket", socketHint)
	}
	socket, behind := cutSocket(u.EscapedPath())
	if socket, err = url.PathUnescape(socket); err != nil || strings.Trim(socket, "/") == "" {
		return nil, configError(op, "not the absolute path of a socket", socketHint)
	}
	inside, err := url.Parse("http://" + socketHost(socket) + behind)
	if err != nil {
		return nil, configError(op, "not a URL", socketHint)
	}
	inside.User, inside.RawQuery = u.User, u.RawQuery
	return inside, nil
}

// cutSocket cuts an escaped path at the colon between the socket and the path behind
// it. The colon of a drive does not count, nor does an escaped one.
func cutSocket(escaped string) (socket, behind string) {
	from := 0
	if onDrive(escaped) {
		escaped = escaped[1:]
		from = len("C:")
	}
	if at := strings.Index(escaped[from:], ":/"); at >= 0 {
		return escaped[:from+at], escaped[from+at+1:]
	}
	return escaped, ""
}

// onDrive reports whether the path of a URL is a Windows path, such as /C:/app.sock.
func onDrive(p string) bool {
	return len(p) > 2 && p[0] == '/' && p[2] == ':' && ('a' <= p[1]|0x20 && p[1]|0x20 <= 'z')
}

// shownSocket returns the displayed URL of a socket, without the colon and the path
// behind it.
func shownSocket(socket string) string {
	if !strings.HasPrefix(socket, "/") {
		socket = "/" + socket
	}
	escaped := (&url.URL{Path: socket}).EscapedPath()
	drive := ""
	if onDrive(escaped) {
		drive, escaped = escaped[:len("/C:")], escaped[len("/C:"):]
	}
	return "unix://" + drive + strings.ReplaceAll(escaped, ":/", "%3A/")
}

// socketName returns the name of the service behind a socket, for file names.
func socketName(socket string) string {
	return strings.TrimSuffix(path.Base(strings.ReplaceAll(socket, `\`, "/")), ".sock")
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialSockets returns a function that dials sockets for the hosts that stand for them
// and calls dial for all other hosts.
func dialSockets(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if socket, ok := socketPath(address); ok {
			network, address = "unix", socket
		}
		return dial(ctx, network, address)
	}
}

// proxyOf is http.ProxyFromEnvironment, except that sockets use no proxy.
func proxyOf(req *http.Request) (*url.URL, error) {
	if _, ok := socketPath(req.URL.Host); ok {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

// setHost sets the Host header of a request to a socket as curl does, instead of the
// internal host name.
func setHost(req *http.Request) {
	if _, ok := socketPath(req.URL.Host); ok {
		req.Host = "localhost"
	}
}

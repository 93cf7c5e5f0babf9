package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// HTTP/2 is one implementation in three places: golang.org/x/net/http2; up to Go 1.26 a
// copy in net/http whose names begin with http2; and from Go 1.27 on
// net/http/internal/http2. The rows here use the names of x/net and apply to all three.

// http2Names returns the names that a function, type or prefix of HTTP/2 has in each
// of these places. The name is without the package: "(*ClientConn).".
func http2Names(name string) []string {
	bundled := "net/http.http2" + name
	if method, ok := strings.CutPrefix(name, "(*"); ok {
		bundled = "net/http.(*http2" + method
	}
	return []string{bundled, "net/http/internal/http2." + name, "golang.org/x/net/http2." + name}
}

// ofNet returns the name that x/net has for a function of HTTP/2. It returns other
// names unchanged.
func ofNet(fn string) string {
	const x = "golang.org/x/net/http2."
	if name, ok := strings.CutPrefix(fn, "net/http/internal/http2."); ok {
		return x + name
	}
	if name, ok := strings.CutPrefix(fn, "net/http.(*http2"); ok {
		return x + "(*" + name
	}
	if name, ok := strings.CutPrefix(fn, "net/http.http2"); ok {
		return x + name
	}
	return fn
}

// http2Clients and http2Servers are the rows of both sides.
var (
	http2Clients = ofHTTP2(
		Rule{Func: "(*Transport).CloseIdleConnections", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http", NoCall: true},
		Rule{Func: "(*clientStream).encodeAndWriteHeaders", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
		Rule{Func: "(*clientStream).writeRequestBody", Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "http"},
		Rule{Func: "transportResponseBody.", Bucket: breakdown.Upstream, Phase: breakdown.BodyRead, System: "http"},
		Rule{Func: "(*clientConnPool).", Bucket: breakdown.Upstream, Phase: breakdown.PoolWait, System: "http"},
		Rule{Func: "(*ClientConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
		Rule{Func: "(*clientStream).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
		Rule{Func: "(*Transport).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "http", Default: true},
	)
	http2Servers = ofHTTP2(
		Rule{Func: "(*serverConn).", Bucket: breakdown.ClientIO, System: "http"},
		Rule{Func: "(*requestBody).", Bucket: breakdown.ClientIO, System: "http"},
		Rule{Func: "(*responseWriter).", Bucket: breakdown.ClientIO, System: "http"},
	)
)

// http2ClientLoops and http2ServerLoops are the goroutines of both sides.
var (
	http2ClientLoops = loopsOfHTTP2(
		Loop{Func: "(*clientStream).doRequest", Writes: true},
		Loop{Func: "(*dialCall).dial", Dials: true},
	)
	http2ServerLoops = loopsOfHTTP2(
		Loop{Func: "(*serverConn).serve", Role: NotRequest},
		Loop{Func: "(*serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
		Loop{Func: "(*responseWriter).FlushError", Flushes: true},
	)
)

// http2Routers pass a request on to the service's handler.
var http2Routers = slices.Concat(
	http2Names("initALPNRequest.ServeHTTP"),
	http2Names("serverInternalHandler.ServeHTTP"),
	http2Names("(*serverInternalHandler).ServeHTTP"),
)

func ofHTTP2(rows ...Rule) (out []Rule) {
	for _, r := range rows {
		for _, r.Func = range http2Names(r.Func) {
			out = append(out, r)
		}
	}
	return out
}

func loopsOfHTTP2(rows ...Loop) (out []Loop) {
	for _, l := range rows {
		for _, l.Func = range http2Names(l.Func) {
			out = append(out, l)
		}
	}
	return out
}

package rules

import "timesink/analyze/breakdown"

// servers is what a server reads from its client and writes to it.
var servers = []Rule{
	{Func: "net/http.(*conn).readRequest", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*connReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*response).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*chunkWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*expectContinueReader).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.checkConnErrorWriter.", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http.(*http2responseWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "net/http/internal/http2.(*responseWriter).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*serverConn).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*requestBody).", Bucket: breakdown.ClientIO, System: "http"},
	{Func: "golang.org/x/net/http2.(*responseWriter).", Bucket: breakdown.ClientIO, System: "http"},

	{Func: "crypto/tls.(*Conn).serverHandshake", Bucket: breakdown.ClientIO, System: "tls"},
}

// serverLoops are the loops in which servers take and answer requests.
var serverLoops = []Loop{
	{Func: "net/http.(*conn).serve", Role: Connection, Kind: "http/1"},
	{Func: "bufio.(*Reader).Peek", Caller: "net/http.(*conn).serve", Role: Idle},
	{Func: "net/http.(*conn).readRequest", Role: ReadHeader},
	{Func: "net/http.(*conn).maybeServeUnencryptedHTTP2", Role: ReadHeader},
	{Func: "net/http.(*conn).close", Role: Closing},
	{Func: "net/http.(*conn).closeWriteAndWait", Role: Closing},
	{Func: "net/http.(*connReader).backgroundRead", Role: Background},
	{Func: "net/http.(*connReader).startBackgroundRead", Role: Connection, Served: true},
	{Func: "net/http.(*response).finishRequest", Role: Finishing, Served: true},
	{Func: "net/http.(*conn).hijackLocked", Role: Hijacked, Served: true},
	{Func: "net/http.(*http2serverConn).serve", Role: NotRequest},
	{Func: "net/http/internal/http2.(*serverConn).serve", Role: NotRequest},
	{Func: "golang.org/x/net/http2.(*serverConn).serve", Role: NotRequest},
	{Func: "net/http.(*http2serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
	{Func: "net/http/internal/http2.(*serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
	{Func: "golang.org/x/net/http2.(*serverConn).runHandler", Role: Stream, Served: true, Kind: "http/2"},
}

package rules

// counting is a connection of the service's that counts what the server reads and writes.
const counting = " < main.(*counted)"

var rawCases = []tableCase{
	{"a raw connection is read", netRead + " < main.ask < " + handler, "upstream/response_wait tcp connection http/1 served by main.(*API).Get at main.ask"},
	{"a raw connection is read through a decoder", netRead + " < encoding/json.(*Decoder).refill < encoding/json.(*Decoder).Decode < main.ask < " + handler,
		"upstream/response_wait tcp connection http/1 served by main.(*API).Get at main.ask"},
	{"a raw connection is written", netWrite + " < fmt.Fprintf < main.ask < " + handler, "upstream/request_write tcp connection http/1 served by main.(*API).Get at main.ask"},
	{"a raw datagram is waited for", "internal/poll.(*FD).ReadFromInet4 < net.(*netFD).readFromInet4 < net.(*UDPConn).readFrom < net.(*UDPConn).ReadFromUDP < main.ask < " + handler,
		"upstream/response_wait udp connection http/1 served by main.(*API).Get at main.ask"},
	{"a library's raw connection is read", netRead + " < example.com/raw.(*Client).Get < " + handler, served[1:]},
	{"a raw connection is read, and no handler is seen", netRead + " < main.(*Server).serve", "at main.(*Server).serve"},
	{"a server writes to a connection of the service's", netWrite + counting + ".Write < net/http.checkConnErrorWriter.Write < bufio.(*Writer).Write < net/http.(*response).Write < " + handler,
		"client_io http connection http/1 served by main.(*API).Get at main.(*counted).Write"},
	{"a server reads from a connection of the service's", netRead + counting + ".Read < net/http.(*connReader).Read < bufio.(*Reader).Read < io.ReadAll < " + handler,
		"client_io http connection http/1 served by main.(*API).Get at main.(*counted).Read"},
}

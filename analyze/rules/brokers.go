package rules

// brokerLoops are the loops in which message brokers handle what their clients send, a
// message after the other.
var brokerLoops = []Loop{
	{Func: "net.(*conn).Read", Caller: "github.com/nats-io/nats-server/v2/server.(*client).readLoop", Role: Message, Kind: "nats"},
	{Func: "crypto/tls.(*Conn).Read", Caller: "github.com/nats-io/nats-server/v2/server.(*client).readLoop", Role: Message, Kind: "nats"},
	{Func: "github.com/mochi-mqtt/server/v2.(*Client).ReadFixedHeader", Role: Message, Kind: "mqtt"},
}

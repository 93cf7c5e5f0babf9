package rules

const natsClient = "github.com/nats-io/nats-server/v2/server.(*client).readLoop"

var brokerCases = []tableCase{
	{"a client of nats-server is waited for", netRead + " < " + natsClient + " < github.com/nats-io/nats-server/v2/server.(*Server).createClientEx.func1 < github.com/nats-io/nats-server/v2/server.(*Server).startGoRoutine.func1",
		"message nats by " + natsClient},
	{"the same over TLS", netRead + " < crypto/tls.(*atLeastReader).Read < bytes.(*Buffer).ReadFrom < crypto/tls.(*Conn).readRecordOrCCS < crypto/tls.(*Conn).Read < " + natsClient, "message nats by " + natsClient},
	{"a client of mochi is waited for", netRead + " < bufio.(*Reader).fill < bufio.(*Reader).ReadByte < github.com/mochi-mqtt/server/v2.(*Client).ReadFixedHeader < github.com/mochi-mqtt/server/v2.(*Client).Read < github.com/mochi-mqtt/server/v2.(*Server).attachClient",
		"message mqtt by github.com/mochi-mqtt/server/v2.(*Client).Read"},
}

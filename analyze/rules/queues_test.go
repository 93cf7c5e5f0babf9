package rules

// The outer part of a consumer's loop in the service.
const consume = "main.(*Worker).Run < main.main.func1"

var queueCases = []tableCase{
	// NATS.
	{"a NATS request waits for its answer", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < " + handler,
		"queue/produce nats" + served},
	{"a NATS message is published to a stream", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestMsgWithContext < github.com/nats-io/nats%2ego.(*js).PublishMsg < github.com/nats-io/nats%2ego.(*js).Publish < " + handler,
		"queue/produce nats" + served},
	{"a NATS message is acknowledged", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < github.com/nats-io/nats%2ego.(*Msg).ackReply < github.com/nats-io/nats%2ego.(*Msg).AckSync < " + consume,
		"queue/commit nats at main.(*Worker).Run"},
	{"a request asks NATS for a message", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext < " + handler,
		"queue/fetch nats" + served},
	{"a consumer asks NATS for a message", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext < " + consume,
		"queue/fetch nats fetch nats at main.(*Worker).Run"},
	{"a consumer asks NATS for a message, for a while", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).NextMsg < " + consume,
		"queue/fetch nats fetch nats at main.(*Worker).Run"},
	{"a consumer asks NATS for a batch", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).Fetch < " + consume,
		"queue/fetch nats fetch nats gathers at main.(*Worker).Run"},
	{"a NATS subscription waits for a message", "sync.(*Cond).Wait < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/produce nats fetch nats"},
	{"a NATS subscription's function works", "time.Sleep < main.(*Worker).work < main.(*Worker).Handle-fm < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"sleep callback nats served by main.(*Worker).Handle at main.(*Worker).work"},
	{"a NATS subscription's function waits for a message of another", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).NextMsg < main.(*Worker).Handle < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/fetch nats callback nats served by main.(*Worker).Handle at main.(*Worker).Handle"},
	{"NATS calls itself back", "runtime.selectnbsend < github.com/nats-io/nats%2ego.(*Conn).respHandler < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/produce nats callback nats"},
	{"a NATS connection hands a message to a channel", "runtime.selectnbsend < github.com/nats-io/nats%2ego.(*Conn).processMsg < github.com/nats-io/nats%2ego.(*Conn).parse < github.com/nats-io/nats%2ego.(*Conn).readLoop",
		"queue/produce nats feed nats"},
}

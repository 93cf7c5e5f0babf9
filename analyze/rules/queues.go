package rules

import "timesink/analyze/breakdown"

// queues are the clients of message queues.
var queues = []Rule{
	// NATS.
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true},
	{Func: "github.com/nats-io/nats%2ego.(*Msg).", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "nats"},
	{Func: "github.com/nats-io/nats%2ego.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "nats", Default: true},
}

// queueLoops are the goroutines of consumers, and those that hand them their work.
var queueLoops = []Loop{
	{Func: "github.com/nats-io/nats%2ego.(*Conn).waitForMsgs", Role: Callback, Kind: "nats"},
	{Func: "sync.(*Cond).Wait", Caller: "github.com/nats-io/nats%2ego.(*Conn).waitForMsgs", Role: Fetch},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).NextMsg", Role: Fetch, Kind: "nats"},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext", Role: Fetch, Kind: "nats"},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).Fetch", Role: Fetch, Kind: "nats", Gathers: true},
	{Func: "github.com/nats-io/nats%2ego.(*Conn).processMsg", Role: Feed, Kind: "nats"},
}

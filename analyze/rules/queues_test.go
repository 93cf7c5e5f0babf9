package rules

import "strings"

// The outer part of a consumer's loop in the service.
const consume = "main.(*Worker).Run < main.main.func1"

// serves is what a request's stack tells beside its client, with flags.
func serves(flags string) string {
	return strings.Replace(served, " served", " served "+flags, 1)
}

var queueCases = []tableCase{
	// Kafka: franz-go.
	{"franz-go waits for its promises", "sync.(*WaitGroup).Wait < github.com/twmb/franz-go/pkg/kgo.(*Client).ProduceSync < " + handler,
		"queue/produce kafka" + serves("steps")},
	{"franz-go buffers a record", "sync.(*Mutex).Lock < github.com/twmb/franz-go/pkg/kgo.(*recBuf).bufferRecord < github.com/twmb/franz-go/pkg/kgo.(*Client).doPartition < github.com/twmb/franz-go/pkg/kgo.(*Client).loadPartsAndPartition < github.com/twmb/franz-go/pkg/kgo.(*Client).produce < github.com/twmb/franz-go/pkg/kgo.(*Client).Produce < " + handler,
		"queue/produce kafka" + served},
	{"franz-go keeps a promise", "runtime.chansend1 < main.(*API).Get.func1 < github.com/twmb/franz-go/pkg/kgo.(*Client).finishRecordPromise < github.com/twmb/franz-go/pkg/kgo.(*producer).finishPromises",
		"answers:kafka at main.(*API).Get.func1"},
	{"a request polls by franz-go", "runtime.selectgo < github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords < github.com/twmb/franz-go/pkg/kgo.(*Client).PollFetches < " + handler,
		"queue/fetch kafka" + served},
	{"a consumer polls by franz-go", "runtime.selectgo < github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords < github.com/twmb/franz-go/pkg/kgo.(*Client).PollFetches < " + consume,
		"queue/fetch kafka fetch kafka at main.(*Worker).Run"},
	{"franz-go polls on a goroutine of its own", "sync.(*Cond).Wait < github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords.func4",
		"queue/fetch kafka"},
	{"franz-go commits", "runtime.chanrecv1 < github.com/twmb/franz-go/pkg/kgo.(*groupConsumer).commitOffsetsSync.func1 < github.com/twmb/franz-go/pkg/kgo.(*groupConsumer).commitOffsetsSync < github.com/twmb/franz-go/pkg/kgo.(*Client).CommitOffsetsSync < github.com/twmb/franz-go/pkg/kgo.(*Client).CommitRecords < " + consume,
		"queue/commit kafka at main.(*Worker).Run"},

	// NATS.
	{"a NATS request waits for its answer", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < " + handler,
		"queue/produce nats" + serves("whole-answer")},
	{"a NATS message is published to a stream", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestMsgWithContext < github.com/nats-io/nats%2ego.(*js).PublishMsg < github.com/nats-io/nats%2ego.(*js).Publish < " + handler,
		"queue/produce nats" + serves("whole-answer")},
	{"a NATS message is acknowledged", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < github.com/nats-io/nats%2ego.(*Msg).ackReply < github.com/nats-io/nats%2ego.(*Msg).AckSync < " + consume,
		"queue/commit nats whole-answer at main.(*Worker).Run"},
	{"a request asks NATS for a message", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext < " + handler,
		"queue/fetch nats" + served},
	{"a consumer asks NATS for a message", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext < " + consume,
		"queue/fetch nats fetch nats at main.(*Worker).Run"},
	{"a consumer asks NATS for a message, for a while", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).NextMsg < " + consume,
		"queue/fetch nats fetch nats at main.(*Worker).Run"},
	{"a consumer asks NATS for a batch", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).nextMsgWithContext < github.com/nats-io/nats%2ego.(*Subscription).Fetch < " + consume,
		"queue/fetch nats fetch nats gathers at main.(*Worker).Run"},
	{"a NATS subscription waits for a message", "sync.(*Cond).Wait < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/produce nats fetch nats whole-answer"},
	{"a NATS subscription's function works", "time.Sleep < main.(*Worker).work < main.(*Worker).Handle-fm < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"sleep callback nats served by main.(*Worker).Handle at main.(*Worker).work"},
	{"a NATS subscription's function waits for a message of another", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Subscription).NextMsg < main.(*Worker).Handle < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/fetch nats callback nats served by main.(*Worker).Handle at main.(*Worker).Handle"},
	{"NATS calls itself back", "runtime.selectnbsend < github.com/nats-io/nats%2ego.(*Conn).respHandler < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs",
		"queue/produce nats callback nats whole-answer"},
	{"a NATS connection hands a message to a channel", "runtime.selectnbsend < github.com/nats-io/nats%2ego.(*Conn).processMsg < github.com/nats-io/nats%2ego.(*Conn).parse < github.com/nats-io/nats%2ego.(*Conn).readLoop",
		"queue/produce nats feed nats whole-answer"},
}

package rules

import "strings"

// The outer part of a consumer's loop in the service.
const consume = "main.(*Worker).Run < main.main.func1"

// serves returns what a request's stack says beside its client, with flags.
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

	// Kafka: sarama.
	{"sarama sends a message", "runtime.chanrecv1 < github.com/IBM/sarama.(*syncProducer).SendMessage < " + handler,
		"queue/produce kafka" + serves("whole-answer steps")},
	{"sarama tells a service's goroutine of a success", "runtime.chansend1 < github.com/IBM/sarama.(*asyncProducer).returnSuccesses < github.com/IBM/sarama.(*brokerProducer).handleSuccess.func1 < github.com/IBM/sarama.(*produceSet).eachPartition < github.com/IBM/sarama.(*brokerProducer).handleSuccess < github.com/IBM/sarama.(*brokerProducer).handleResponse < github.com/IBM/sarama.(*brokerProducer).run < github.com/IBM/sarama.withRecover",
		"queue/produce kafka whole-answer steps answers:kafka"},
	{"sarama tells a service's goroutine of an error", "runtime.chansend1 < github.com/IBM/sarama.(*asyncProducer).returnError < github.com/IBM/sarama.(*asyncProducer).returnErrors < github.com/IBM/sarama.(*brokerProducer).handleError.func1",
		"queue/produce kafka whole-answer steps answers:kafka"},
	{"sarama commits", "runtime.selectgo < github.com/IBM/sarama.handleResponsePromise < github.com/IBM/sarama.(*offsetManager).flushToBrokerFor < github.com/IBM/sarama.(*offsetManager).flushToBroker < github.com/IBM/sarama.(*offsetManager).Commit < github.com/IBM/sarama.(*consumerGroupSession).Commit < main.Claimer.ConsumeClaim < github.com/IBM/sarama.(*consumerGroupSession).consume < github.com/IBM/sarama.(*consumerGroupSession).startClaim.func1 < sync.(*WaitGroup).Go.func1",
		"queue/commit kafka callback kafka served whole-answer by main.Claimer.ConsumeClaim at main.Claimer.ConsumeClaim"},
	{"a claim of sarama is ranged over", "runtime.chanrecv2 < main.Claimer.ConsumeClaim < github.com/IBM/sarama.(*consumerGroupSession).consume < github.com/IBM/sarama.(*consumerGroupSession).startClaim.func1 < sync.(*WaitGroup).Go.func1",
		"callback kafka served by main.Claimer.ConsumeClaim at main.Claimer.ConsumeClaim"},
	{"sarama hands a message out", "runtime.selectgo < github.com/IBM/sarama.(*partitionConsumer).responseFeeder < github.com/IBM/sarama.withRecover",
		"queue/fetch kafka feed kafka whole-answer steps"},

	// Kafka: kafka-go.
	{"kafka-go writes messages", "runtime.selectgo < github.com/segmentio/kafka-go.(*Writer).WriteMessages < " + handler,
		"queue/produce kafka" + serves("whole-answer steps")},
	{"kafka-go's writer waits for a batch", "sync.(*Cond).Wait < github.com/segmentio/kafka-go.(*batchQueue).Get < github.com/segmentio/kafka-go.(*partitionWriter).writeBatches < github.com/segmentio/kafka-go.(*Writer).spawn.func1",
		"queue/batch_delay kafka"},
	{"kafka-go waits for an answer", "runtime.selectgo < github.com/segmentio/kafka-go.async.await < github.com/segmentio/kafka-go.(*connPool).roundTrip < github.com/segmentio/kafka-go.(*Transport).RoundTrip < github.com/segmentio/kafka-go.(*Client).roundTrip < github.com/segmentio/kafka-go.(*Client).Produce < github.com/segmentio/kafka-go.(*Writer).produce < github.com/segmentio/kafka-go.(*partitionWriter).writeBatch < github.com/segmentio/kafka-go.(*partitionWriter).writeBatches < github.com/segmentio/kafka-go.(*Writer).spawn.func1",
		"queue/produce kafka"},
	{"a request fetches a message by kafka-go", "runtime.selectgo < github.com/segmentio/kafka-go.(*Reader).FetchMessage < " + handler,
		"queue/fetch kafka" + serves("whole-answer")},
	{"a consumer fetches a message by kafka-go", "runtime.selectgo < github.com/segmentio/kafka-go.(*Reader).FetchMessage < " + consume,
		"queue/fetch kafka fetch kafka whole-answer at main.(*Worker).Run"},
	{"kafka-go commits", "runtime.selectgo < github.com/segmentio/kafka-go.(*Reader).CommitMessages < " + consume,
		"queue/commit kafka whole-answer at main.(*Worker).Run"},
	{"kafka-go hands a message out", "runtime.selectgo < github.com/segmentio/kafka-go.(*reader).sendMessage < github.com/segmentio/kafka-go.(*reader).read < github.com/segmentio/kafka-go.(*reader).run < github.com/segmentio/kafka-go.(*Reader).start.func1",
		"queue/fetch kafka feed kafka whole-answer"},

	// NATS.
	{"a NATS request waits for its answer", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestWithContext < " + handler,
		"queue/fetch nats" + serves("whole-answer")},
	{"a NATS request waits for its answer, without a context", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).request < github.com/nats-io/nats%2ego.(*Conn).Request < " + handler,
		"queue/fetch nats" + serves("whole-answer")},
	{"a NATS request with headers waits for its answer", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).request < github.com/nats-io/nats%2ego.(*Conn).RequestMsg < " + handler,
		"queue/fetch nats" + serves("whole-answer")},
	{"a NATS request with headers waits for its answer, with a context", "runtime.selectgo < github.com/nats-io/nats%2ego.(*Conn).requestWithContext < github.com/nats-io/nats%2ego.(*Conn).RequestMsgWithContext < " + handler,
		"queue/fetch nats" + serves("whole-answer")},
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

	// AMQP 0.9.1.
	{"a message's confirmation is waited for", "runtime.selectgo < github.com/rabbitmq/amqp091-go.(*DeferredConfirmation).WaitContext < " + handler,
		"queue/produce amqp" + serves("whole-answer")},
	{"a message is got", "runtime.selectgo < github.com/rabbitmq/amqp091-go.(*Channel).call < github.com/rabbitmq/amqp091-go.(*Channel).Get < " + handler,
		"queue/fetch amqp" + serves("whole-answer")},
	{"a delivery is acknowledged", netWrite + " < bufio.(*Writer).Flush < github.com/rabbitmq/amqp091-go.(*writer).WriteFrame < github.com/rabbitmq/amqp091-go.(*Connection).send < github.com/rabbitmq/amqp091-go.(*Channel).sendOpen < github.com/rabbitmq/amqp091-go.(*Channel).send < github.com/rabbitmq/amqp091-go.(*Channel).Ack < github.com/rabbitmq/amqp091-go.Delivery.Ack < " + consume,
		"queue/commit amqp whole-answer at main.(*Worker).Run"},
	{"deliveries are ranged over", "runtime.chanrecv2 < " + consume, "at main.(*Worker).Run"},
	{"a delivery is handed out", "runtime.selectgo < github.com/rabbitmq/amqp091-go.(*consumers).buffer",
		"queue/fetch amqp feed amqp"},

	// NSQ.
	{"a message is published to NSQ", "runtime.chanrecv1 < github.com/nsqio/go-nsq.(*Producer).sendCommand < github.com/nsqio/go-nsq.(*Producer).Publish < " + handler,
		"queue/produce nsq" + serves("whole-answer")},
	{"a message of NSQ is waited for", "runtime.chanrecv2 < github.com/nsqio/go-nsq.(*Consumer).handlerLoop", "queue/fetch nsq fetch nsq"},
	{"a message of NSQ is handled", "time.Sleep < main.(*Worker).HandleMessage < github.com/nsqio/go-nsq.(*Consumer).handlerLoop", "sleep callback nsq served by main.(*Worker).HandleMessage at main.(*Worker).HandleMessage"},
	{"a message of NSQ is finished", "runtime.selectgo < github.com/nsqio/go-nsq.(*Message).Finish < main.(*Worker).HandleMessage < github.com/nsqio/go-nsq.(*Consumer).handlerLoop",
		"queue/commit nsq callback nsq served by main.(*Worker).HandleMessage at main.(*Worker).HandleMessage"},

	// Pulsar.
	{"a message is sent to Pulsar", "runtime.chanrecv1 < github.com/apache/pulsar-client-go/pulsar.(*producer).Send < " + handler, "queue/produce pulsar" + serves("whole-answer")},
	{"a consumer receives a message from Pulsar", "runtime.selectgo < github.com/apache/pulsar-client-go/pulsar.(*consumer).Receive < " + consume, "queue/fetch pulsar fetch pulsar at main.(*Worker).Run"},
	{"a consumer receives a message from topics of Pulsar", "runtime.selectgo < github.com/apache/pulsar-client-go/pulsar.(*multiTopicConsumer).Receive < " + consume, "queue/fetch pulsar fetch pulsar at main.(*Worker).Run"},
	{"a message is acknowledged to Pulsar", "runtime.selectgo < github.com/apache/pulsar-client-go/pulsar.(*consumer).Ack < " + consume, "queue/commit pulsar at main.(*Worker).Run"},
	{"Pulsar hands a message out", "runtime.selectgo < github.com/apache/pulsar-client-go/pulsar.(*partitionConsumer).dispatcher < github.com/apache/pulsar-client-go/pulsar.newPartitionConsumer.gowrap1", "queue/produce pulsar feed pulsar whole-answer"},

	// MQTT.
	{"a message is published over MQTT", "runtime.chanrecv1 < github.com/eclipse/paho%2emqtt%2egolang.(*baseToken).Wait < " + handler, "queue/produce mqtt" + serves("whole-answer")},
	{"a message over MQTT is waited for", "runtime.chanrecv2 < github.com/eclipse/paho%2emqtt%2egolang.(*router).matchAndDispatch.func2", "queue/produce mqtt fetch mqtt whole-answer"},
	{"a message over MQTT is handled", "time.Sleep < main.(*Worker).Handle-fm < github.com/eclipse/paho%2emqtt%2egolang.(*router).matchAndDispatch.func2",
		"sleep callback mqtt served by main.(*Worker).Handle at main.(*Worker).Handle-fm"},
}

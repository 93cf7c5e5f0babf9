package rules

import "timesink/analyze/breakdown"

// queues are the clients of message queues.
var queues = []Rule{
	// Kafka: franz-go.
	{Func: "github.com/twmb/franz-go/pkg/kgo.(*Client).ProduceSync", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Steps: true},
	{Func: "github.com/twmb/franz-go/pkg/kgo.(*producer).finishPromises", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Answers: true},
	{Func: "github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "kafka"},
	{Func: "github.com/twmb/franz-go/pkg/kgo.(*groupConsumer).commitOffsetsSync", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "kafka"},
	{Func: "github.com/twmb/franz-go/pkg/kgo.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Default: true},

	// Kafka: sarama.
	{Func: "github.com/IBM/sarama.(*consumerGroupSession).", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "kafka", Whole: true},
	{Func: "github.com/IBM/sarama.(*partitionConsumer).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "kafka"},
	{Func: "github.com/IBM/sarama.(*asyncProducer).returnSuccesses", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Answers: true},
	{Func: "github.com/IBM/sarama.(*asyncProducer).returnErrors", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Answers: true},
	{Func: "github.com/IBM/sarama.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Default: true, Whole: true, Steps: true},

	// Kafka: kafka-go.
	{Func: "github.com/segmentio/kafka-go.(*Writer).WriteMessages", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Default: true, Steps: true, Whole: true},
	{Func: "github.com/segmentio/kafka-go.(*batchQueue).Get", Bucket: breakdown.Queue, Phase: breakdown.BatchDelay, System: "kafka"},
	{Func: "github.com/segmentio/kafka-go.(*Reader).CommitMessages", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "kafka", Whole: true},
	{Func: "github.com/segmentio/kafka-go.(*Reader).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "kafka", Default: true, Whole: true},
	{Func: "github.com/segmentio/kafka-go.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "kafka", Default: true},

	// NATS.
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true},
	{Func: "github.com/nats-io/nats%2ego.(*Msg).", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "nats", Whole: true},
	// A request waits for another service's message, unless it is the client's own, to
	// which the server answers.
	{Func: "github.com/nats-io/nats%2ego.(*Conn).Request", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true, Whole: true},
	{Func: "github.com/nats-io/nats%2ego.(*Conn).RequestWithContext", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true, Whole: true},
	{Func: "github.com/nats-io/nats%2ego.(*Conn).RequestMsg", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true, Whole: true},
	{Func: "github.com/nats-io/nats%2ego.(*Conn).RequestMsgWithContext", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nats", Default: true, Whole: true},
	{Func: "github.com/nats-io/nats%2ego.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "nats", Default: true, Whole: true},

	// AMQP 0.9.1: RabbitMQ.
	{Func: "github.com/rabbitmq/amqp091-go.(*Channel).Get", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "amqp", Whole: true},
	{Func: "github.com/rabbitmq/amqp091-go.(*consumers).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "amqp", Default: true},
	{Func: "github.com/rabbitmq/amqp091-go.Delivery.", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "amqp"},
	{Func: "github.com/rabbitmq/amqp091-go.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "amqp", Default: true, Whole: true},

	// NSQ.
	{Func: "github.com/nsqio/go-nsq.(*Consumer).", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "nsq"},
	{Func: "github.com/nsqio/go-nsq.(*Message).", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "nsq"},
	{Func: "github.com/nsqio/go-nsq.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "nsq", Default: true, Whole: true},

	// Pulsar.
	{Func: "github.com/apache/pulsar-client-go/pulsar.(*consumer).Receive", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "pulsar"},
	{Func: "github.com/apache/pulsar-client-go/pulsar.(*multiTopicConsumer).Receive", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "pulsar"},
	{Func: "github.com/apache/pulsar-client-go/pulsar.(*consumer).Ack", Bucket: breakdown.Queue, Phase: breakdown.Commit, System: "pulsar"},
	{Func: "github.com/apache/pulsar-client-go/pulsar.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "pulsar", Default: true, Whole: true},

	// MQTT.
	{Func: "github.com/eclipse/paho%2emqtt%2egolang.", Bucket: breakdown.Queue, Phase: breakdown.Produce, System: "mqtt", Default: true, Whole: true},
}

// queueLoops are the goroutines of consumers, and those that hand work to them.
var queueLoops = []Loop{
	{Func: "github.com/twmb/franz-go/pkg/kgo.(*Client).PollRecords", Role: Fetch, Kind: "kafka"},

	{Func: "github.com/IBM/sarama.(*consumerGroupSession).consume", Role: Callback, Kind: "kafka"},
	{Func: "github.com/IBM/sarama.(*partitionConsumer).responseFeeder", Role: Feed, Kind: "kafka"},

	{Func: "github.com/segmentio/kafka-go.(*Reader).FetchMessage", Role: Fetch, Kind: "kafka"},
	{Func: "github.com/segmentio/kafka-go.(*reader).sendMessage", Role: Feed, Kind: "kafka"},

	{Func: "github.com/nats-io/nats%2ego.(*Conn).waitForMsgs", Role: Callback, Kind: "nats"},
	{Func: "sync.(*Cond).Wait", Caller: "github.com/nats-io/nats%2ego.(*Conn).waitForMsgs", Role: Fetch},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).NextMsg", Role: Fetch, Kind: "nats"},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).NextMsgWithContext", Role: Fetch, Kind: "nats"},
	{Func: "github.com/nats-io/nats%2ego.(*Subscription).Fetch", Role: Fetch, Kind: "nats", Gathers: true},
	{Func: "github.com/nats-io/nats%2ego.(*Conn).processMsg", Role: Feed, Kind: "nats"},

	{Func: "github.com/rabbitmq/amqp091-go.(*consumers).buffer", Role: Feed, Kind: "amqp"},

	{Func: "github.com/nsqio/go-nsq.(*Consumer).handlerLoop", Role: Callback, Kind: "nsq"},
	{Func: "runtime.chanrecv2", Caller: "github.com/nsqio/go-nsq.(*Consumer).handlerLoop", Role: Fetch},

	{Func: "github.com/apache/pulsar-client-go/pulsar.(*consumer).Receive", Role: Fetch, Kind: "pulsar"},
	{Func: "github.com/apache/pulsar-client-go/pulsar.(*multiTopicConsumer).Receive", Role: Fetch, Kind: "pulsar"},
	{Func: "github.com/apache/pulsar-client-go/pulsar.(*partitionConsumer).dispatcher", Role: Feed, Kind: "pulsar"},

	{Func: "github.com/eclipse/paho%2emqtt%2egolang.(*router).matchAndDispatch", Role: Callback, Kind: "mqtt"},
	{Func: "runtime.chanrecv2", Caller: "github.com/eclipse/paho%2emqtt%2egolang.(*router).matchAndDispatch", Role: Fetch},
}

package breakdown

import "fmt"

// A Bucket is what an instant of a request's wall time was spent on. Every
// instant belongs to exactly one.
type Bucket uint8

// The buckets, in the order in which every output lists them.
const (
	DB        Bucket = iota // Postgres, MySQL, any database/sql driver, MongoDB …
	Cache                   // Redis, memcached
	Queue                   // Kafka, NATS, RabbitMQ: produce, fetch, commit
	Upstream                // HTTP and gRPC calls to other services
	CPU                     // the goroutine runs
	GC                      // mark assist, stop-the-world
	Scheduler               // ready to run, no processor free
	Lock                    // waiting for a mutex somebody holds
	Wait                    // handed to a goroutine busy with work that is not this request's
	Sleep                   // time.Sleep, back-off, timers, rate limiters
	File                    // file reads, writes, fsync, a blocked log write
	ClientIO                // reading the request from, writing the response to, the client
	Unknown                 // what no rule explains
	NumBuckets
)

var bucketNames = [NumBuckets]string{
	"db", "cache", "queue", "upstream", "cpu", "gc", "scheduler", "lock", "wait", "sleep", "file", "client_io", "unknown",
}

// String is the bucket's name in JSON and in rules.
func (b Bucket) String() string { return nameOf(bucketNames[:], int(b), "bucket") }

// MarshalText and UnmarshalText make the name the JSON value.
func (b Bucket) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (b *Bucket) UnmarshalText(text []byte) error {
	i, err := indexOf(bucketNames[:], string(text), "bucket")
	*b = Bucket(i)
	return err
}

// A Phase is a step within a bucket, in the order in which a call takes them.
type Phase uint8

// The phases. NoPhase stands in buckets that have none.
const (
	NoPhase Phase = iota
	PoolWait
	DNS
	Connect
	TLS
	Query
	Rows
	Command
	Produce
	BatchDelay
	Fetch
	Commit
	RequestWrite
	ResponseWait
	BodyRead
	NumPhases
)

var phaseNames = [NumPhases]string{
	"", "pool_wait", "dns", "connect", "tls", "query", "rows", "command", "produce", "batch_delay", "fetch", "commit",
	"request_write", "response_wait", "body_read",
}

// String is the phase's name in JSON and in rules.
func (p Phase) String() string { return nameOf(phaseNames[:], int(p), "phase") }

// MarshalText and UnmarshalText make the name the JSON value.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Phase) UnmarshalText(text []byte) error {
	i, err := indexOf(phaseNames[:], string(text), "phase")
	*p = Phase(i)
	return err
}

func nameOf(names []string, i int, kind string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func indexOf(names []string, name, kind string) (int, error) {
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no %s is named %q", kind, name)
}

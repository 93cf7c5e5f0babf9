package rules

import "timesink/analyze/breakdown"

// The timers that are looked for by name.
const (
	ExpectContinue = "net/http (Expect: 100-continue)"
	DualStack      = "net (dual-stack fallback)"
)

// timers are the library functions that wait for the library's own timer: to back off
// before the next try, to keep to a rate, or to give the other side some time. Within a
// call that would look like the other side's time. A row names the function that waits, or
// a package in which nothing else is waited for; what the function calls is not its timer,
// except time.Sleep. Clients that sleep need no row.
var timers = []Rule{
	// net/http's client and net's dialer.
	{Func: "net/http.(*persistConn).waitForContinue", Bucket: breakdown.Sleep, System: ExpectContinue, Timer: true},
	{Func: "net.(*sysDialer).dialParallel", Bucket: breakdown.Sleep, System: DualStack, Timer: true},

	// Libraries that try again.
	{Func: "github.com/hashicorp/go-retryablehttp.", Bucket: breakdown.Sleep, System: "go-retryablehttp", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/cenkalti/backoff.", Bucket: breakdown.Sleep, System: "cenkalti/backoff", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/cenkalti/backoff/", Bucket: breakdown.Sleep, System: "cenkalti/backoff", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/avast/retry-go.", Bucket: breakdown.Sleep, System: "retry-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/avast/retry-go/", Bucket: breakdown.Sleep, System: "retry-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/sethvargo/go-retry.", Bucket: breakdown.Sleep, System: "go-retry", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/eapache/go-resiliency/retrier.", Bucket: breakdown.Sleep, System: "go-resiliency", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/failsafe-go/failsafe-go/", Bucket: breakdown.Sleep, System: "failsafe-go", Timer: true, Purpose: breakdown.BackOff},

	// Clients that try again.
	{Func: "github.com/aws/smithy-go/time.SleepWithContext", Bucket: breakdown.Sleep, System: "aws-sdk-go-v2", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/aws/aws-sdk-go/aws.SleepWithContext", Bucket: breakdown.Sleep, System: "aws-sdk-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime.(*retryPolicy).Do", Bucket: breakdown.Sleep, System: "azure-sdk-for-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/googleapis/gax-go/v2.Sleep", Bucket: breakdown.Sleep, System: "gax-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "google.golang.org/grpc.(*csAttempt).shouldRetry", Bucket: breakdown.Sleep, System: "grpc-go", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/go-resty/resty/v2.Backoff", Bucket: breakdown.Sleep, System: "resty", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/redis/go-redis/v9/internal.Sleep", Bucket: breakdown.Sleep, System: "go-redis", Timer: true, Purpose: breakdown.BackOff},
	{Func: "github.com/go-redis/redis/", Bucket: breakdown.Sleep, System: "go-redis", Timer: true, Purpose: breakdown.BackOff},
	{Func: "k8s.io/apimachinery/pkg/util/wait.", Bucket: breakdown.Sleep, System: "k8s.io/apimachinery/wait", Timer: true, Purpose: breakdown.BackOff},

	// Libraries that keep to a rate.
	{Func: "golang.org/x/time/rate.(*Limiter).", Bucket: breakdown.Sleep, System: "golang.org/x/time/rate", Timer: true, Purpose: breakdown.Limiting},
	{Func: "go.uber.org/ratelimit.", Bucket: breakdown.Sleep, System: "go.uber.org/ratelimit", Timer: true, Purpose: breakdown.Limiting},
	{Func: "github.com/juju/ratelimit.", Bucket: breakdown.Sleep, System: "juju/ratelimit", Timer: true, Purpose: breakdown.Limiting},

	// Libraries that wait for more of the same kind, to ask for all at once.
	{Func: "github.com/graph-gophers/dataloader.", Bucket: breakdown.Sleep, System: "dataloader", Timer: true, Purpose: breakdown.Gathering},
	{Func: "github.com/graph-gophers/dataloader/", Bucket: breakdown.Sleep, System: "dataloader", Timer: true, Purpose: breakdown.Gathering},
	{Func: "github.com/vikstrous/dataloadgen.", Bucket: breakdown.Sleep, System: "dataloadgen", Timer: true, Purpose: breakdown.Gathering},
	{Func: "go.etcd.io/bbolt.(*DB).Batch", Bucket: breakdown.Sleep, System: "bbolt", Timer: true, Purpose: breakdown.Gathering},
	{Func: "github.com/boltdb/bolt.(*DB).Batch", Bucket: breakdown.Sleep, System: "bolt", Timer: true, Purpose: breakdown.Gathering},
	{Func: "github.com/IBM/sarama.(*brokerProducer).run", Bucket: breakdown.Sleep, System: "sarama", Timer: true, Purpose: breakdown.Gathering},
}

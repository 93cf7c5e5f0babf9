package rules

import "timesink/analyze/breakdown"

// timers are the library functions that wait for the library's own timer: to back off
// before the next try, or to give the other side some time. Within a call that would look
// like the other side's time. A row names the function that waits, or a package in which
// nothing else is waited for; what the function calls is not its timer. Waits in
// time.Sleep need no row.
var timers = []Rule{
	// net/http's client and net's dialer.
	{Func: "net/http.(*persistConn).waitForContinue", Bucket: breakdown.Sleep, System: "net/http (Expect: 100-continue)", Timer: true},
	{Func: "net.(*sysDialer).dialParallel", Bucket: breakdown.Sleep, System: "net (dual-stack fallback)", Timer: true},

	// Libraries that try again.
	{Func: "github.com/hashicorp/go-retryablehttp.", Bucket: breakdown.Sleep, System: "go-retryablehttp", Timer: true},
	{Func: "github.com/cenkalti/backoff.", Bucket: breakdown.Sleep, System: "cenkalti/backoff", Timer: true},
	{Func: "github.com/cenkalti/backoff/", Bucket: breakdown.Sleep, System: "cenkalti/backoff", Timer: true},
	{Func: "github.com/avast/retry-go.", Bucket: breakdown.Sleep, System: "retry-go", Timer: true},
	{Func: "github.com/avast/retry-go/", Bucket: breakdown.Sleep, System: "retry-go", Timer: true},
	{Func: "github.com/sethvargo/go-retry.", Bucket: breakdown.Sleep, System: "go-retry", Timer: true},
	{Func: "github.com/eapache/go-resiliency/retrier.", Bucket: breakdown.Sleep, System: "go-resiliency", Timer: true},
	{Func: "github.com/failsafe-go/failsafe-go/", Bucket: breakdown.Sleep, System: "failsafe-go", Timer: true},

	// Clients that try again.
	{Func: "github.com/aws/smithy-go/time.SleepWithContext", Bucket: breakdown.Sleep, System: "aws-sdk-go-v2", Timer: true},
	{Func: "github.com/aws/aws-sdk-go/aws.SleepWithContext", Bucket: breakdown.Sleep, System: "aws-sdk-go", Timer: true},
	{Func: "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime.(*retryPolicy).Do", Bucket: breakdown.Sleep, System: "azure-sdk-for-go", Timer: true},
	{Func: "github.com/googleapis/gax-go/v2.Sleep", Bucket: breakdown.Sleep, System: "gax-go", Timer: true},
	{Func: "google.golang.org/grpc.(*csAttempt).shouldRetry", Bucket: breakdown.Sleep, System: "grpc-go", Timer: true},
	{Func: "github.com/go-resty/resty/v2.Backoff", Bucket: breakdown.Sleep, System: "resty", Timer: true},
	{Func: "github.com/redis/go-redis/v9/internal.Sleep", Bucket: breakdown.Sleep, System: "go-redis", Timer: true},
	{Func: "github.com/go-redis/redis/", Bucket: breakdown.Sleep, System: "go-redis", Timer: true},
}

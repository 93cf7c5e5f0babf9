package rules

const (
	selects  = "runtime.selectgo < "
	received = "runtime.chanrecv1 < "
)

var timerCases = []tableCase{
	{"a writer waits to be told to go on", selects + "net/http.(*persistConn).waitForContinue.func1 < net/http.(*Request).write < net/http.(*persistConn).writeLoop < net/http.(*Transport).dialConn.gowrap3",
		"upstream/request_write http wakes:request_write timer:net/http (Expect: 100-continue)"},
	{"a dialer waits before it tries the other family", selects + "net.(*sysDialer).dialParallel < net.(*Dialer).DialContext < example.com/raw.Dial < " + handler,
		"upstream/connect tcp" + served + " timer:net (dual-stack fallback)"},
	{"a dialer of net/http's client waits before it tries the other family", selects + "net.(*sysDialer).dialParallel < net.(*Dialer).DialContext < net/http.(*Transport).dial < net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor",
		"upstream/connect http dials timer:net (dual-stack fallback)"},
	{"go-retryablehttp backs off", selects + "github.com/hashicorp/go-retryablehttp.(*Client).Do < github.com/hashicorp/go-retryablehttp.(*Client).Get < " + handler,
		served[1:] + " timer:go-retryablehttp backs-off"},
	{"go-retryablehttp calls", selects + "net/http.(*persistConn).roundTrip < net/http.(*Client).Do < github.com/hashicorp/go-retryablehttp.(*Client).Do < " + handler,
		"upstream/response_wait http" + served + " limited"},
	{"cenkalti/backoff backs off, version 2", selects + "github.com/cenkalti/backoff.RetryNotify < github.com/cenkalti/backoff.Retry < " + handler, served[1:] + " timer:cenkalti/backoff backs-off"},
	{"cenkalti/backoff backs off", selects + "github.com/cenkalti/backoff/v4.doRetryNotify[...] < github.com/cenkalti/backoff/v4.Retry < " + handler, served[1:] + " timer:cenkalti/backoff backs-off"},
	{"retry-go backs off, version 3", selects + "github.com/avast/retry-go.Do < " + handler, served[1:] + " timer:retry-go backs-off"},
	{"retry-go backs off", selects + "github.com/avast/retry-go/v4.DoWithData[...] < github.com/avast/retry-go/v4.Do < " + handler, served[1:] + " timer:retry-go backs-off"},
	{"go-retry backs off", selects + "github.com/sethvargo/go-retry.DoValue[...] < github.com/sethvargo/go-retry.Do < " + handler, served[1:] + " timer:go-retry backs-off"},
	{"go-resiliency backs off", selects + "github.com/eapache/go-resiliency/retrier.(*Retrier).sleep < github.com/eapache/go-resiliency/retrier.(*Retrier).RunFn < " + handler, served[1:] + " timer:go-resiliency backs-off"},
	{"failsafe-go backs off", selects + "github.com/failsafe-go/failsafe-go/retrypolicy.(*executor[...]).Apply.func1 < github.com/failsafe-go/failsafe-go.(*executor[...]).Get < " + handler, served[1:] + " timer:failsafe-go backs-off"},
	{"the AWS SDK backs off", selects + "github.com/aws/smithy-go/time.SleepWithContext < github.com/aws/aws-sdk-go-v2/aws/retry.(*Attempt).handleAttempt < " + handler, served[1:] + " timer:aws-sdk-go-v2 backs-off"},
	{"the AWS SDK backs off, version 1", selects + "github.com/aws/aws-sdk-go/aws.SleepWithContext < github.com/aws/aws-sdk-go/aws/request.(*Request).Send < " + handler, served[1:] + " timer:aws-sdk-go backs-off"},
	{"the Azure SDK backs off", selects + "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime.(*retryPolicy).Do < " + handler, served[1:] + " timer:azure-sdk-for-go backs-off"},
	{"a Google API client backs off", selects + "github.com/googleapis/gax-go/v2.Sleep < github.com/googleapis/gax-go/v2.invoke < " + handler, served[1:] + " timer:gax-go backs-off"},
	{"gRPC backs off", selects + "google.golang.org/grpc.(*csAttempt).shouldRetry < google.golang.org/grpc.(*clientStream).retryLocked < google.golang.org/grpc.invoke < " + handler,
		"upstream/response_wait grpc" + " connection http/1 served begins by main.(*API).Get at main.(*API).Get timer:grpc-go backs-off"},
	{"resty backs off", selects + "github.com/go-resty/resty/v2.Backoff < github.com/go-resty/resty/v2.(*Request).Execute < " + handler, served[1:] + " timer:resty backs-off"},
	{"go-redis backs off", selects + goRedis + "/internal.Sleep < " + redisProcess + " < " + handler, "cache/command redis" + served + " timer:go-redis backs-off"},
	{"go-redis backs off, version 8", selects + "github.com/go-redis/redis/v8/internal.Sleep < github.com/go-redis/redis/v8.(*baseClient).process < " + handler, served[1:] + " timer:go-redis backs-off"},
	{"a client sleeps", "time.Sleep < github.com/lib/pq.(*conn).QueryContext < " + handler, "db/query postgres" + served + " timer:postgres backs-off"},
	{"the caller's own wait within a retry", received + "main.(*API).try < github.com/avast/retry-go/v4.Do < main.(*API).Get < net/http.HandlerFunc.ServeHTTP < net/http.(*ServeMux).ServeHTTP < " + http1,
		"connection http/1 served by main.(*API).Get at main.(*API).try"},
	{"Kubernetes' packages back off", "time.Sleep < k8s.io/apimachinery/pkg/util/wait.ExponentialBackoff < k8s.io/client-go/util/retry.OnError < " + handler, "sleep" + served + " timer:k8s.io/apimachinery/wait backs-off"},
	{"a rate limiter, in a client's transport", selects + "golang.org/x/time/rate.(*Limiter).wait < golang.org/x/time/rate.(*Limiter).Wait < example.com/polite.(*Transport).RoundTrip < net/http.send < net/http.(*Client).Do < " + handler,
		"upstream/response_wait http" + served + " timer:golang.org/x/time/rate limits"},
	{"a leaky bucket", "time.Sleep < github.com/benbjohnson/clock.(*clock).Sleep < go.uber.org/ratelimit.(*atomicInt64Limiter).Take < " + handler, "sleep" + served + " timer:go.uber.org/ratelimit limits"},
	{"a token bucket", "time.Sleep < github.com/juju/ratelimit.realClock.Sleep < github.com/juju/ratelimit.(*Bucket).Wait < " + handler, "sleep" + served + " timer:juju/ratelimit limits"},
	{"a loader's batch", selects + "github.com/graph-gophers/dataloader/v7.(*Loader[...]).sleeper", "timer:dataloader gathers"},
	{"an old loader's batch", selects + "github.com/graph-gophers/dataloader.(*Loader).sleeper", "timer:dataloader gathers"},
	{"another loader's batch", "time.Sleep < github.com/vikstrous/dataloadgen.(*loaderBatch[...]).startTimer", "sleep timer:dataloadgen gathers"},
	{"a producer's batch", "runtime.selectgo < github.com/IBM/sarama.(*brokerProducer).run < github.com/IBM/sarama.(*asyncProducer).newBrokerProducer.gowrap1 < github.com/IBM/sarama.withRecover", "queue/produce kafka whole-answer steps timer:sarama gathers"},
	{"the service's own sleep", "time.Sleep < " + handler, "sleep" + served},
}

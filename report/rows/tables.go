package rows

import "timesink/analyze/breakdown"

// Schema names the columns of the tables. Within its number, tables only gain columns.
const Schema = breakdown.RowsSchema

// The structs below are the tables. The tag json names a column, doc describes it, and
// parquet is how it is encoded: what rises is delta-encoded, what repeats is in a
// dictionary.

// A Case is one case: what was captured, and the totals of its complete requests.
type Case struct {
	Schema     string   `json:"schema" parquet:"schema,dict" doc:"The name of this schema, timesink.rows/1."`
	CaseID     string   `json:"case_id" parquet:"case_id,dict" doc:"The case: the same for every copy of the evidence."`
	Service    string   `json:"service_name" parquet:"service_name,dict" doc:"The service's name, as given or by its executable."`
	Instance   string   `json:"instance" parquet:"instance,dict" doc:"The instance: the label instance, or else the target."`
	Version    string   `json:"version" parquet:"version,dict" doc:"The label version."`
	Labels     string   `json:"labels" parquet:"labels,dict" doc:"All labels, as a JSON object."`
	Target     string   `json:"target" parquet:"target,dict" doc:"The URL of the service's pprof index."`
	Tool       string   `json:"tool" parquet:"tool,dict" doc:"The version of timesink that took the capture."`
	GoVersion  string   `json:"go_version" parquet:"go_version,dict" doc:"The service's version of Go."`
	CapturedAt int64    `json:"captured_at_ns" parquet:"captured_at_ns" doc:"When the window opened, since 1970; 0 if unknown."`
	Clock      string   `json:"clock" parquet:"clock,dict" doc:"wall if start_ns is the time of day, trace if that is unknown and the window begins in 1970."`
	Offset     int64    `json:"clock_offset_ns" parquet:"clock_offset_ns" doc:"What to subtract from start_ns for the trace's clock; the ID that report --request takes is g, goroutine, - and that difference."`
	Window     int64    `json:"window_ns" parquet:"window_ns" doc:"The time between the first and the last event."`
	Covered    int64    `json:"covered_ns" parquet:"covered_ns" doc:"The part of the window that could be read."`
	GOMAXPROCS int64    `json:"gomaxprocs" parquet:"gomaxprocs" doc:"The number of processors that Go used."`
	Saturated  float64  `json:"saturated" parquet:"saturated" doc:"The share of the window in which every processor was busy."`
	Estimate   bool     `json:"estimate" parquet:"estimate" doc:"Whether the answer rests on samples; there are no requests then, and times are estimates."`
	Redacted   bool     `json:"redacted" parquet:"redacted" doc:"Whether private data was masked."`
	Requests   int64    `json:"requests" parquet:"requests" doc:"The number of complete requests."`
	Incomplete int64    `json:"incomplete" parquet:"incomplete" doc:"The number of requests that an edge of the window cut."`
	Wall       int64    `json:"wall_ns" parquet:"wall_ns" doc:"The wall time of the complete requests; the buckets sum to it."`
	CutWall    int64    `json:"incomplete_ns" parquet:"incomplete_ns" doc:"The time of the incomplete requests within the window."`
	Buckets             // of the complete requests
	Cause      string   `json:"conclusion_cause" parquet:"conclusion_cause,dict" doc:"The ID of the cause that accounts for most of the time."`
	Conclusion string   `json:"conclusion" parquet:"conclusion" doc:"The last lines of the report."`
	Warnings   []string `json:"warnings" parquet:"warnings,list" doc:"The codes of the warnings; timesink explain has each."`
}

// Buckets are a request's time in each bucket. They sum to its wall time.
type Buckets struct {
	DB        int64 `json:"db_ns" parquet:"db_ns,delta" doc:"$db"`
	Cache     int64 `json:"cache_ns" parquet:"cache_ns,delta" doc:"$cache"`
	Queue     int64 `json:"queue_ns" parquet:"queue_ns,delta" doc:"$queue"`
	Upstream  int64 `json:"upstream_ns" parquet:"upstream_ns,delta" doc:"$upstream"`
	CPU       int64 `json:"cpu_ns" parquet:"cpu_ns,delta" doc:"$cpu"`
	GC        int64 `json:"gc_ns" parquet:"gc_ns,delta" doc:"$gc"`
	Scheduler int64 `json:"scheduler_ns" parquet:"scheduler_ns,delta" doc:"$scheduler"`
	Lock      int64 `json:"lock_ns" parquet:"lock_ns,delta" doc:"$lock"`
	Wait      int64 `json:"wait_ns" parquet:"wait_ns,delta" doc:"$wait"`
	Sleep     int64 `json:"sleep_ns" parquet:"sleep_ns,delta" doc:"$sleep"`
	File      int64 `json:"file_ns" parquet:"file_ns,delta" doc:"$file"`
	ClientIO  int64 `json:"client_io_ns" parquet:"client_io_ns,delta" doc:"$client_io"`
	Unknown   int64 `json:"unknown_ns" parquet:"unknown_ns,delta" doc:"$unknown"`
}

// Phases are a request's time in the phases of its buckets. Time in no particular phase is
// in the bucket only.
type Phases struct {
	DBPoolWait           int64 `json:"db_pool_wait_ns" parquet:"db_pool_wait_ns,delta" doc:"$db $pool_wait"`
	DBConnect            int64 `json:"db_connect_ns" parquet:"db_connect_ns,delta" doc:"$db $connect"`
	DBQuery              int64 `json:"db_query_ns" parquet:"db_query_ns,delta" doc:"$db $query"`
	DBRowLock            int64 `json:"db_row_lock_ns" parquet:"db_row_lock_ns,delta" doc:"$db $row_lock"`
	DBRows               int64 `json:"db_rows_ns" parquet:"db_rows_ns,delta" doc:"$db $rows"`
	CachePoolWait        int64 `json:"cache_pool_wait_ns" parquet:"cache_pool_wait_ns,delta" doc:"$cache $pool_wait"`
	CacheConnect         int64 `json:"cache_connect_ns" parquet:"cache_connect_ns,delta" doc:"$cache $connect"`
	CacheCommand         int64 `json:"cache_command_ns" parquet:"cache_command_ns,delta" doc:"$cache $command"`
	QueueProduce         int64 `json:"queue_produce_ns" parquet:"queue_produce_ns,delta" doc:"$queue $produce"`
	QueueBatchDelay      int64 `json:"queue_batch_delay_ns" parquet:"queue_batch_delay_ns,delta" doc:"$queue $batch_delay"`
	QueueFetch           int64 `json:"queue_fetch_ns" parquet:"queue_fetch_ns,delta" doc:"$queue $fetch"`
	QueueCommit          int64 `json:"queue_commit_ns" parquet:"queue_commit_ns,delta" doc:"$queue $commit"`
	UpstreamPoolWait     int64 `json:"upstream_pool_wait_ns" parquet:"upstream_pool_wait_ns,delta" doc:"$upstream $pool_wait"`
	UpstreamDNS          int64 `json:"upstream_dns_ns" parquet:"upstream_dns_ns,delta" doc:"$upstream $dns"`
	UpstreamConnect      int64 `json:"upstream_connect_ns" parquet:"upstream_connect_ns,delta" doc:"$upstream $connect"`
	UpstreamTLS          int64 `json:"upstream_tls_ns" parquet:"upstream_tls_ns,delta" doc:"$upstream $tls"`
	UpstreamRequestWrite int64 `json:"upstream_request_write_ns" parquet:"upstream_request_write_ns,delta" doc:"$upstream $request_write"`
	UpstreamResponseWait int64 `json:"upstream_response_wait_ns" parquet:"upstream_response_wait_ns,delta" doc:"$upstream $response_wait"`
	UpstreamBodyRead     int64 `json:"upstream_body_read_ns" parquet:"upstream_body_read_ns,delta" doc:"$upstream $body_read"`
	UnknownCCall         int64 `json:"unknown_c_call_ns" parquet:"unknown_c_call_ns,delta" doc:"$unknown $c_call"`
	UnknownChildProcess  int64 `json:"unknown_child_process_ns" parquet:"unknown_child_process_ns,delta" doc:"$unknown $child_process"`
}

// A Request is one request.
type Request struct {
	CaseID     string `json:"case_id" parquet:"case_id,dict" doc:"The case."`
	Request    int64  `json:"request" parquet:"request,delta" doc:"The request's number in its case, from 1."`
	Goroutine  int64  `json:"goroutine" parquet:"goroutine,delta" doc:"The goroutine that served it."`
	Start      int64  `json:"start_ns" parquet:"start_ns,delta" doc:"When its first byte arrived, since 1970; see cases.clock."`
	Instance   string `json:"instance" parquet:"instance,dict" doc:"The instance, as in cases."`
	Version    string `json:"version" parquet:"version,dict" doc:"The label version."`
	Labels     string `json:"labels" parquet:"labels,dict" doc:"All labels, as a JSON object."`
	Endpoint   string `json:"endpoint" parquet:"endpoint,dict" doc:"The handler's function, as Go's stacks name it."`
	Route      string `json:"route" parquet:"route,dict" doc:"The route, if a probe or the router shows it."`
	Kind       string `json:"kind" parquet:"kind,dict" doc:"The kind of request, such as http/1 or grpc; streams and long polls say so."`
	Incomplete bool   `json:"incomplete" parquet:"incomplete" doc:"Whether an edge of the window cut it; the report's totals are of the others."`
	Inferred   bool   `json:"inferred" parquet:"inferred" doc:"Whether the endpoint is inferred from requests like it."`
	Wall       int64  `json:"wall_ns" parquet:"wall_ns,delta" doc:"Its wall time, or the part of it within the window."`
	Client     int64  `json:"client_ns" parquet:"client_ns,delta" doc:"How long the client waited, if a probe sent it."`
	Buckets
	Phases
	Ran           int64 `json:"ran_ns" parquet:"ran_ns,delta" doc:"How long its goroutines ran, on all branches."`
	DBCalls       int32 `json:"db_calls" parquet:"db_calls,delta" doc:"The number of calls to databases, on all branches."`
	CacheCalls    int32 `json:"cache_calls" parquet:"cache_calls,delta" doc:"The number of calls to caches."`
	QueueCalls    int32 `json:"queue_calls" parquet:"queue_calls,delta" doc:"The number of calls to queues."`
	UpstreamCalls int32 `json:"upstream_calls" parquet:"upstream_calls,delta" doc:"The number of calls to other services."`
	CallTime      int64 `json:"calls_ns" parquet:"calls_ns,delta" doc:"The duration of all calls together, more than the wall time if they overlap."`
	Dials         int32 `json:"dials" parquet:"dials,delta" doc:"The number of calls that made a connection."`
}

// A Segment is one step of a request's path.
type Segment struct {
	CaseID    string `json:"case_id" parquet:"case_id,dict" doc:"The case."`
	Request   int64  `json:"request" parquet:"request,delta" doc:"The request, as in requests."`
	Seq       int32  `json:"seq" parquet:"seq,delta" doc:"The step's place in the path, from 1."`
	Goroutine int64  `json:"goroutine" parquet:"goroutine,delta" doc:"The goroutine that was doing it: the request's own, or one that it waited for."`
	Start     int64  `json:"start_ns" parquet:"start_ns,delta" doc:"When it began, since 1970."`
	Time      int64  `json:"time_ns" parquet:"time_ns,delta" doc:"How long it took; the steps of a request sum to its wall time."`
	Behind    int64  `json:"behind_ns" parquet:"behind_ns,delta" doc:"The part of it behind a holder that was busy itself, for locks, queues and pools."`
	Bucket    string `json:"bucket" parquet:"bucket,dict" doc:"The bucket."`
	Phase     string `json:"phase" parquet:"phase,dict" doc:"The phase."`
	System    string `json:"system" parquet:"system,dict" doc:"The system, such as postgres."`
	Site
	State  string `json:"state" parquet:"state,dict" doc:"The goroutine's state: running, runnable, waiting or syscall."`
	Reason string `json:"reason" parquet:"reason,dict" doc:"Why it waited, in the runtime's words."`
	Rule   string `json:"rule" parquet:"rule,dict" doc:"The frame of the rule that decided."`
}

// A Site is a call site: the place in the service's own code, or the nearest to it.
type Site struct {
	Function string `json:"function" parquet:"function,dict" doc:"The function of the call site."`
	File     string `json:"file" parquet:"file,dict" doc:"Its file."`
	Line     int32  `json:"line" parquet:"line,dict" doc:"Its line."`
}

// A Call is something that a request asked of another system.
type Call struct {
	CaseID    string `json:"case_id" parquet:"case_id,dict" doc:"The case."`
	Request   int64  `json:"request" parquet:"request,delta" doc:"The request, as in requests."`
	Seq       int32  `json:"seq" parquet:"seq,delta" doc:"The call's place among those of its request, from 1."`
	Goroutine int64  `json:"goroutine" parquet:"goroutine,delta" doc:"The goroutine that made it."`
	Start     int64  `json:"start_ns" parquet:"start_ns,delta" doc:"When it began, since 1970."`
	Time      int64  `json:"time_ns" parquet:"time_ns,delta" doc:"How long it took, without other calls in between."`
	OnPath    int64  `json:"on_path_ns" parquet:"on_path_ns,delta" doc:"The part of it on the request's path."`
	Bucket    string `json:"bucket" parquet:"bucket,dict" doc:"The bucket."`
	System    string `json:"system" parquet:"system,dict" doc:"The system, such as postgres."`
	Client    string `json:"client" parquet:"client,dict" doc:"The library that was called."`
	Site
	Dialed        bool  `json:"dialed" parquet:"dialed" doc:"Whether a connection was made for it."`
	Dialing       int64 `json:"dialing_ns" parquet:"dialing_ns,delta" doc:"How long making the connection took."`
	Trips         int32 `json:"round_trips" parquet:"round_trips,delta" doc:"The number of answers read, without those of dialing; 0 if another goroutine reads them."`
	Lookups       int32 `json:"lookups" parquet:"lookups,delta" doc:"The number of host names looked up for it."`
	TimedOut      bool  `json:"timed_out" parquet:"timed_out" doc:"Whether a deadline ended it."`
	InTransaction bool  `json:"in_transaction" parquet:"in_transaction" doc:"Whether a transaction of a database made it."`
}

// A Finding is something worth doing.
type Finding struct {
	CaseID     string   `json:"case_id" parquet:"case_id,dict" doc:"The case."`
	Seq        int32    `json:"seq" parquet:"seq,delta" doc:"Its place in the report, from 1."`
	ID         string   `json:"id" parquet:"id,dict" doc:"What it is; timesink explain has each."`
	Confidence string   `json:"confidence" parquet:"confidence,dict" doc:"certain, likely or possible."`
	Endpoint   string   `json:"endpoint" parquet:"endpoint,dict" doc:"The endpoint that it slows down most."`
	Title      string   `json:"title" parquet:"title" doc:"What was found."`
	Evidence   []string `json:"evidence" parquet:"evidence,list" doc:"What it rests on."`
	SavesUpTo  int64    `json:"saves_up_to_ns" parquet:"saves_up_to_ns,delta" doc:"The most that a request could save."`
	Try        string   `json:"try" parquet:"try" doc:"What to try."`
}

// A Sample is the CPU samples of one request with the same stack and state.
type Sample struct {
	CaseID  string `json:"case_id" parquet:"case_id,dict" doc:"The case."`
	Request int64  `json:"request" parquet:"request,delta" doc:"The request, as in requests."`
	Seq     int32  `json:"seq" parquet:"seq,delta" doc:"The row's place among those of its request, from 1."`
	Samples int64  `json:"samples" parquet:"samples,delta" doc:"The number of samples."`
	State   string `json:"state" parquet:"state,dict" doc:"The goroutine's state: running or syscall."`
	Site
	Leaf     string `json:"leaf" parquet:"leaf,dict" doc:"The function that was running."`
	Activity string `json:"activity" parquet:"activity,dict" doc:"What kind of work it is, such as serialization."`
	Stack    string `json:"stack" parquet:"stack,dict" doc:"The stack: functions from the root on, separated by semicolons."`
}

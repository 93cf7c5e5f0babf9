package rules

// schedulerLoops are the goroutines on which schedulers and task queues do their jobs: one
// for each.
var schedulerLoops = []Loop{
	{Func: "github.com/robfig/cron/v3.(*Cron).startJob", Outermost: true, Role: Stream, Served: true, Kind: "cron"},
	{Func: "github.com/robfig/cron.(*Cron).runWithRecovery", Role: Stream, Served: true, Kind: "cron"},

	// One goroutine takes the task and acknowledges it, another one performs it.
	{Func: "github.com/hibiken/asynq.(*processor).exec", Outermost: true, Role: Stream, Served: true, Kind: "asynq"},

	{Func: "github.com/riverqueue/river/internal/jobexecutor.(*JobExecutor).Execute", Role: Stream, Served: true, Kind: "river", Calls: true},

	{Func: "go.temporal.io/sdk/internal.(*baseWorker).processTaskAsync", Outermost: true, Role: Stream, Served: true, Kind: "temporal"},
	{Func: "go.temporal.io/sdk/internal.(*baseWorker).processTask", Role: Stream, Served: true, Kind: "temporal", Calls: true},

	{Func: "github.com/RichardKnop/machinery/v1/brokers/redis.(*Broker).consume", Outermost: true, Role: Stream, Served: true, Kind: "machinery"},
	{Func: "github.com/RichardKnop/machinery/v1/brokers/amqp.(*Broker).consume", Outermost: true, Role: Stream, Served: true, Kind: "machinery"},
	{Func: "github.com/RichardKnop/machinery/v2/brokers/redis.(*Broker).consume", Outermost: true, Role: Stream, Served: true, Kind: "machinery"},
	{Func: "github.com/RichardKnop/machinery/v2/brokers/amqp.(*Broker).consume", Outermost: true, Role: Stream, Served: true, Kind: "machinery"},
	{Func: "github.com/RichardKnop/machinery/v1/tasks.(*Task).Call", Calls: true},
	{Func: "github.com/RichardKnop/machinery/v2/tasks.(*Task).Call", Calls: true},
}

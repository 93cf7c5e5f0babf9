package rules

// The outer parts of the stacks of schedulers and task queues.
const (
	cronRoot  = "github.com/robfig/cron/v3.(*Cron).startJob.func1"
	asynqTask = "github.com/hibiken/asynq.(*processor).perform < github.com/hibiken/asynq.(*processor).exec.func1.2"
	riverJob  = "github.com/riverqueue/river/internal/jobexecutor.(*JobExecutor).Execute"
	temporal  = "go.temporal.io/sdk/internal.(*baseWorker).processTask"
	byJob     = " by main.(*Report).Run at main.(*Report).Run"
)

var schedulerCases = []tableCase{
	{"a cron job begins", cronRoot, "stream cron served"},
	{"a cron job that is a function waits", "time.Sleep < main.report < github.com/robfig/cron/v3.FuncJob.Run < " + cronRoot, "sleep stream cron served by main.report at main.report"},
	{"a cron job waits", "time.Sleep < main.(*Report).Run < " + cronRoot, "sleep stream cron served" + byJob},
	{"a cron job that is not run twice at once waits", "time.Sleep < main.(*Report).Run < github.com/robfig/cron/v3.SkipIfStillRunning.func1.1 < github.com/robfig/cron/v3.FuncJob.Run < " + cronRoot, "sleep stream cron served" + byJob},
	{"a job of cron 1 waits", "time.Sleep < main.report < github.com/robfig/cron.FuncJob.Run < github.com/robfig/cron.(*Cron).runWithRecovery < github.com/robfig/cron.(*Cron).run.gowrap1",
		"sleep stream cron served by main.report at main.report"},

	{"a task of asynq begins", "github.com/hibiken/asynq.(*processor).exec.func1", "stream asynq served"},
	{"a task of asynq waits", "time.Sleep < main.(*Report).Run < github.com/hibiken/asynq.HandlerFunc.ProcessTask < github.com/hibiken/asynq.(*ServeMux).ProcessTask < " + asynqTask, "sleep stream asynq served" + byJob},
	{"a task of asynq without a mux waits", "time.Sleep < main.(*Report).Run < " + asynqTask, "sleep stream asynq served" + byJob},
	{"a task of asynq is fetched", netRead + " < github.com/redis/go-redis/v9.(*baseClient).Process < github.com/hibiken/asynq/internal/rdb.(*RDB).Dequeue < github.com/hibiken/asynq.(*processor).exec < github.com/hibiken/asynq.(*processor).start.func1", "cache/command redis"},

	{"a job of river begins", riverJob, "stream river served"},
	{"a job of river waits", "time.Sleep < main.(*Report).Run < github.com/riverqueue/river.(*wrapperWorkUnit[...]).Work < github.com/riverqueue/river/internal/jobexecutor.(*JobExecutor).execute.func2 < github.com/riverqueue/river/internal/jobexecutor.(*JobExecutor).execute < " + riverJob,
		"sleep stream river served" + byJob},

	{"a task of temporal begins", "go.temporal.io/sdk/internal.(*baseWorker).processTaskAsync.func1", "stream temporal served"},
	{"an activity of temporal waits", "time.Sleep < main.(*Report).Run < reflect.Value.Call < go.temporal.io/sdk/internal.executeFunction < " + temporal + " < go.temporal.io/sdk/internal.(*baseWorker).processTaskAsync.func1", "sleep stream temporal served" + byJob},
	{"a task of temporal begins, before 1.21", temporal, "stream temporal served"},

	{"a task of machinery begins", "github.com/RichardKnop/machinery/v1/brokers/redis.(*Broker).consume.func2", "stream machinery served"},
	{"a task of machinery begins, over RabbitMQ", "github.com/RichardKnop/machinery/v1/brokers/amqp.(*Broker).consume.func2", "stream machinery served"},
	{"a task of machinery 2 begins", "github.com/RichardKnop/machinery/v2/brokers/redis.(*Broker).consume.func2", "stream machinery served"},
	{"a task of machinery 2 begins, over RabbitMQ", "github.com/RichardKnop/machinery/v2/brokers/amqp.(*Broker).consume.func2", "stream machinery served"},
	{"a task of machinery waits", "time.Sleep < main.(*Report).Run < reflect.Value.Call < github.com/RichardKnop/machinery/v1/tasks.(*Task).Call < github.com/RichardKnop/machinery/v1.(*Worker).Process < github.com/RichardKnop/machinery/v1/brokers/redis.(*Broker).consumeOne < github.com/RichardKnop/machinery/v1/brokers/redis.(*Broker).consume.func2",
		"sleep stream machinery served" + byJob},
	{"a task of machinery 2 waits", "time.Sleep < main.(*Report).Run < reflect.Value.Call < github.com/RichardKnop/machinery/v2/tasks.(*Task).Call < github.com/RichardKnop/machinery/v2.(*Worker).Process < github.com/RichardKnop/machinery/v2/brokers/redis.(*Broker).consumeOne < github.com/RichardKnop/machinery/v2/brokers/redis.(*Broker).consume.func2",
		"sleep stream machinery served" + byJob},
}

package backing

import (
	"os"
	"strconv"
	"testing"
)

const rabbitmqServer = "/usr/lib/rabbitmq/bin/rabbitmq-server" // Debian's own script runs it as another user

// rabbitmq starts a node with all its data in a folder and with a separate port
// mapper, and stops both.
const rabbitmq = `folder=$0
export HOME=$folder ERL_EPMD_PORT=$2 ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_NODENAME=timesink@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$1 RABBITMQ_DIST_PORT=$3
export RABBITMQ_MNESIA_BASE=$folder/mnesia RABBITMQ_LOG_BASE=$folder/log RABBITMQ_LOGS=- RABBITMQ_PID_FILE=$folder/pid
export RABBITMQ_ENABLED_PLUGINS_FILE=$folder/plugins RABBITMQ_CONFIG_FILE=$folder/rabbitmq RABBITMQ_CONF_ENV_FILE=$folder/env
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
export RUNNING_UNDER_SYSTEMD=true # the script becomes the server
epmd -port $2 & mapper=$!
` + rabbitmqServer + ` >&2 & server=$!
trap 'kill -KILL $server $mapper; exit 0' TERM
wait $server
code=$?
kill $mapper
exit $code`

// startRabbitMQ starts a RabbitMQ and returns its address.
func startRabbitMQ(t testing.TB) string {
	if _, err := os.Stat(rabbitmqServer); err != nil {
		t.Fatalf("%v: install the Debian package rabbitmq-server, see .ci/lib.sh", err)
	}
	return start(t, "sh", func(folder string, port int) []string {
		args := []string{"-c", rabbitmq, folder, strconv.Itoa(port)}
		for range 2 {
			other, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, strconv.Itoa(other))
		}
		return args
	})
}

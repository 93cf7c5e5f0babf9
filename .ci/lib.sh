# What the scripts in this folder share: the output of steps, the servers that the tests
# need, and the entry to each module. It is sourced from the repository's root.

# The profile in cmd/timesink is for released builds. Tests do without it, because it
# would require compiling all dependencies once more; .ci/bench uses it.
export GOFLAGS="${GOFLAGS:-} -pgo=off"

# Tests that need many libraries are separate modules: the services of the accuracy
# tables, and the tests of the report's page, of the OTLP output, and of releases and
# workflows.
in_services() { (cd cmd/internal/services && "$@"); }
in_ticket() { (cd cmd/internal/ticket && "$@"); }
in_otlp() { (cd cmd/internal/otlp && "$@"); }
in_programs() { (cd cmd/internal/programs && "$@"); }
in_release() { (cd cmd/internal/release && "$@"); }
in_engines() { (cd cmd/internal/engines && "$@"); }
in_web() { (cd report/web && "$@"); }

# step TITLE COMMAND… prints the title and how long it took, and the command's output
# only if it fails.
step() {
	local title=$1 log began=$SECONDS
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then
		echo "$title … ok, $((SECONDS - began)) s"
		rm -f "$log"
	else
		echo "$title … failed, $((SECONDS - began)) s"
		cat "$log"
		rm -f "$log"
		return 1
	fi
}

# together LANE… runs functions in parallel and, after all have ended, fails if one
# failed.
together() {
	local lane failed=0 pids=()
	for lane in "$@"; do
		"$lane" &
		pids+=($!)
	done
	for lane in "${pids[@]}"; do
		wait "$lane" || failed=1
	done
	return $failed
}

# The programs that tests start: the function that checks for one, and the Debian
# package that provides it.
needs=(
	"has_gcc gcc" # for SQLite in C, and the race detector
	"has_libc_headers libc6-dev"
	"has_sqlite libsqlite3-dev"
	"has_postgres postgresql"
	"has_redis redis-server"
	"has_memcached memcached"
	"has_mariadb mariadb-server"
	"has_beanstalkd beanstalkd"
	"has_rabbitmq rabbitmq-server"
	"has_chromium chromium" # the browser for tests of a report's page
	"has_font fonts-dejavu-core"
	"has_jq jq" # for the example pipelines
	"has_npm npm" # includes node, for the page's script
)

has_gcc() { command -v gcc cc >/dev/null; }
has_libc_headers() { [[ -e /usr/include/stdlib.h ]]; }

has_sqlite() { [[ -e /usr/include/sqlite3.h ]]; }

has_postgres() {
	local found=(/usr/lib/postgresql/*/bin/initdb)
	[[ -x ${found[0]} ]] || { command -v initdb && command -v postgres; } >/dev/null
}

has_redis() { command -v redis-server >/dev/null; }
has_memcached() { command -v memcached >/dev/null; }
has_beanstalkd() { command -v beanstalkd >/dev/null; }
has_rabbitmq() { [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; }
has_chromium() { command -v chromium chromium-browser google-chrome >/dev/null; }
has_font() { [[ -n $(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null) ]]; }
has_jq() { command -v jq >/dev/null; }
has_npm() { command -v npm >/dev/null && command -v node >/dev/null; }
has_mariadb() { command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd ]]; }

# install_needs installs missing programs from Debian's packages if run as root with
# apt-get, and otherwise fails and lists them.
install_needs() {
	local need missing=()
	for need in "${needs[@]}"; do
		"${need% *}" || missing+=("${need#* }")
	done
	((${#missing[@]})) || return 0
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "the tests need these Debian packages, install them first: ${missing[*]}" >&2
		return 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	step "apt-get update" apt-get -q update
	step "apt-get install ${missing[*]}" apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# staticcheck COMMAND… runs the version of staticcheck in .ci/tools: "staticcheck
# in_ticket" in that module, "staticcheck env" in the tool's.
staticcheck() {
	local bin
	bin=$(go -C .ci/tools tool -n staticcheck) && "$@" "$bin" -tags servers,whole ./...
}

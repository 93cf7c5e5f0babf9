# What the scripts of this folder share: how steps are told, which servers the tests
# need, and how each module is entered. It is sourced, from the repository's root.

# The profile in cmd/timesink is for what users run. Tests do without it, as all that
# the command needs would be compiled once more for it; .ci/bench has it.
export GOFLAGS="${GOFLAGS:-} -pgo=off"

# What needs many libraries that the tool does not is a module of its own: the services
# of the accuracy tables, the tests of the report's page, those of what OpenTelemetry's
# library reads, and those of releases and workflows.
in_services() { (cd cmd/internal/services && "$@"); }
in_ticket() { (cd cmd/internal/ticket && "$@"); }
in_otlp() { (cd cmd/internal/otlp && "$@"); }
in_release() { (cd cmd/internal/release && "$@"); }
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

# together LANE… runs functions side by side and fails if one did, after all ended.
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

# The programs that tests start: what tells that one is there, and the Debian
# package that brings it.
needs=(
	"has_gcc gcc" # for SQLite in C, and the race detector
	"has_libc_headers libc6-dev"
	"has_postgres postgresql"
	"has_redis redis-server"
	"has_memcached memcached"
	"has_mariadb mariadb-server"
	"has_beanstalkd beanstalkd"
	"has_rabbitmq rabbitmq-server"
	"has_chromium chromium" # what a report's page is tested in
	"has_font fonts-dejavu-core"
	"has_npm npm" # brings node, for the page's script
)

has_gcc() { command -v gcc cc >/dev/null; }
has_libc_headers() { [[ -e /usr/include/stdlib.h ]]; }

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
has_npm() { command -v npm >/dev/null && command -v node >/dev/null; }
has_mariadb() { command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd ]]; }

# install_needs installs what is missing from Debian's packages where that is allowed,
# as root with apt-get, and else names it.
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

# staticcheck COMMAND… runs the staticcheck that .ci/tools names: "staticcheck in_ticket"
# in that module, "staticcheck env" in the tool's.
staticcheck() {
	local bin
	bin=$(go -C .ci/tools tool -n staticcheck) && "$@" "$bin" -tags servers,whole ./...
}

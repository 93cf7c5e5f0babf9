package report

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"timesink/analyze/breakdown"
)

// systemNames holds the systems' own spellings. Other names are shown unchanged.
var systemNames = map[string]string{
	"postgres": "Postgres", "postgresql": "Postgres", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite", "sqlite3": "SQLite",
	"sqlserver": "SQL Server", "mssql": "SQL Server", "oracle": "Oracle", "mongo": "MongoDB", "mongodb": "MongoDB",
	"cassandra": "Cassandra", "clickhouse": "ClickHouse",
	"redis": "Redis", "memcache": "memcached", "memcached": "memcached",
	"kafka": "Kafka", "nats": "NATS", "rabbitmq": "RabbitMQ", "amqp": "RabbitMQ",
	"mqtt": "MQTT", "nsq": "NSQ", "pulsar": "Pulsar",
	"http": "HTTP", "grpc": "gRPC", "websocket": "WebSocket", "dns": "DNS", "tcp": "TCP", "tls": "TLS", "smtp": "SMTP",
}

// generic holds the systems that say no more than their bucket does.
var generic = map[string]bool{"": true, "sql": true, "database": true, "database/sql": true, "cache": true, "queue": true}

// systems joins the names of the systems that say more than the bucket does.
func systems(t *breakdown.BucketTime) string {
	var names []string
	for _, s := range t.Systems {
		if !generic[s] {
			names = append(names, systemName(s))
		}
	}
	return list(names)
}

// systemName returns a system's own spelling of its name.
func systemName(s string) string {
	if name, ok := systemNames[s]; ok {
		return name
	}
	return shorten(clean(s), 20)
}

// within says how much of the running time was spent in calls to a system, as an
// estimate.
func within(l *breakdown.CPULibrary) string {
	t := breakdown.BucketTime{Bucket: l.Bucket, Systems: []string{l.System}}
	return fmt.Sprintf("about %s in calls to %s", duration(l.Estimate), cmp.Or(systems(&t), spoken(&t)))
}

// label names a bucket in a table: "upstream HTTP", "database".
func label(t *breakdown.BucketTime) string {
	info := t.Bucket.Info()
	if s := systems(t); info.Protocols && s != "" && len(t.Systems) == 1 {
		return info.Noun + " " + s
	}
	return info.Label
}

// spoken names a bucket in a sentence: "upstream HTTP", "the database". It names a phase
// that has most of the time if that says more.
func spoken(t *breakdown.BucketTime) string {
	info := t.Bucket.Info()
	for i := range t.Phases {
		if p := &t.Phases[i]; p.Phase.Spoken() != "" && 2*totalIn(p) > t.Total && t.Total > 0 {
			return p.Phase.Spoken()
		}
	}
	if s := systems(t); info.Protocols && s != "" {
		return info.Noun + " " + s
	}
	return info.Spoken
}

// aCall returns a call to another system with its article: "a database call". It
// returns "" for a bucket that is not another system's.
func aCall(b breakdown.Bucket) string {
	noun := b.Info().Noun
	switch {
	case noun == "":
		return ""
	case strings.ContainsRune("aeiou", rune(noun[0])):
		return "an " + noun + " call"
	}
	return "a " + noun + " call"
}

// free starts a sentence about what you would save if another system took no time.
func free(t *breakdown.BucketTime) string {
	info, name := t.Bucket.Info(), systems(t)
	switch {
	case info.Protocols:
		return "Free " + spoken(t) + strings.Repeat(" calls", min(len(name), 1))
	case name == "":
		return "A free " + info.Noun
	case len(t.Systems) > 1:
		return "Free " + name
	}
	return "A free " + name
}

// instant is like free, for a system with most of the time. It does not claim what
// takes the system so long: its work, its locks, or the network.
func instant(t *breakdown.BucketTime) string {
	info := t.Bucket.Info()
	if name := systems(t); name != "" && !info.Protocols {
		return "Instant answers from " + name
	}
	return "Instant answers from the " + info.Noun
}

// keeping introduces the goroutine that kept requests waiting in a bucket, and what
// that goroutine did meanwhile.
func keeping(b breakdown.Bucket) (who, what string) {
	if b == breakdown.Wait {
		return "behind", "which was busy in"
	}
	return "held by", "meanwhile in"
}

// list joins names with commas and "and".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// place returns a frame as people say it: type and method, file and line.
func place(f breakdown.Frame) string {
	if f.Function == breakdown.Other {
		return "other call sites"
	}
	where := position(f)
	if where == "" {
		return function(f.Function)
	}
	return function(f.Function) + "  " + where
}

// spot returns a frame for a sentence: "main.(*API).fetch (api.go:88)". It is not
// clean.
func spot(f breakdown.Frame) string {
	name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
	if f.File == "" {
		return name
	}
	return fmt.Sprintf("%s (%s:%d)", name, baseOf(f.File), f.Line)
}

// baseOf returns a file's name without its folder, whatever system built it.
func baseOf(file string) string { return path.Base(strings.ReplaceAll(file, `\`, "/")) }

// position returns a frame's file, without its folder, and line.
func position(f breakdown.Frame) string {
	if f.File == "" {
		return ""
	}
	file := clean(baseOf(f.File))
	if f.Line > 0 {
		file += ":" + strconv.Itoa(f.Line)
	}
	return file
}

// function returns a function's name without its package's path and without type
// arguments: store.(*Store).Vehicle.
func function(name string) string {
	if i := strings.IndexByte(name, '['); i >= 0 {
		if j := strings.LastIndexByte(name, ']'); j > i {
			name = name[:i] + "[…]" + name[j+1:]
		}
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	return clean(strings.ReplaceAll(name, "%2e", ".")) // the linker escapes the dots of a package path's last element
}

// title returns an endpoint's route if known, else its handler.
func title(e *breakdown.Endpoint) string {
	switch {
	case e.Route != "":
		return clean(e.Route)
	case e.Name == "":
		return breakdown.Unnamed
	case e.Name == breakdown.Unnamed:
		return e.Name
	}
	return function(e.Name)
}

// titleWithKind returns an endpoint's title within a width, with its kind if that lasts: one
// handler may serve ordinary requests too.
func titleWithKind(e *breakdown.Endpoint, width int) string {
	name := shorten(title(e), width)
	if e.Lasts() {
		name += " (" + lastingKind(e) + ")"
	}
	return name
}

// clean makes text from the service safe for a terminal: it writes unprintable
// characters as Go escapes, including escape sequences and changes of writing
// direction.
func clean(text string) string {
	isClean := utf8.ValidString(text)
	for _, r := range text {
		isClean = isClean && printable(r)
	}
	if isClean {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + hex(rune(text[i]), 2))
		case printable(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
		i += size
	}
	return b.String()
}

func hex(r rune, digits int) string {
	text := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(digits-len(text), 0)) + text
}

// printable reports whether a terminal draws r rather than acting on it.
func printable(r rune) bool { return unicode.IsPrint(r) }

func surrogates(r rune) (hi, lo rune) { return utf16.EncodeRune(r) }

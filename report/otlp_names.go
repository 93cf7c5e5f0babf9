package report

import (
	"cmp"
	"strings"

	"timesink/analyze/breakdown"
)

// schemaURL is the version of OpenTelemetry's semantic conventions that these names
// follow.
const schemaURL = "https://opentelemetry.io/schemas/1.43.0"

const (
	serviceName    = "service.name"
	runtimeName    = "process.runtime.name"
	runtimeVersion = "process.runtime.version"
	sdkName        = "telemetry.sdk.name"
	sdkLanguage    = "telemetry.sdk.language"
	sdkVersion     = "telemetry.sdk.version"
	httpMethod     = "http.request.method"
	httpRoute      = "http.route"
	protocolName   = "network.protocol.name"
	protocolVer    = "network.protocol.version"
	codeFunction   = "code.function.name"
	codeFile       = "code.file.path"
	codeLine       = "code.line.number"
	dbSystem       = "db.system.name"
	queueSystem    = "messaging.system"
	queueOperation = "messaging.operation.type"
	rpcSystem      = "rpc.system.name"
)

// conventional holds the systems that the conventions spell differently from the rules.
var conventional = map[string]string{
	"postgres": "postgresql", "mongo": "mongodb", "sqlite3": "sqlite", "sqlserver": "microsoft.sql_server", "mssql": "microsoft.sql_server",
	"oracle": "oracle.db", "memcache": "memcached", "amqp": "rabbitmq", "sql": "other_sql", "database/sql": "other_sql",
}

func conventionalName(system string) string { return cmp.Or(conventional[system], system) }

// attributes are those of a span or a resource. Unknown values are omitted.
type attributes struct{ list []attribute }

func (a *attributes) text(key, value string) {
	if value != "" {
		a.put(key, clean(value))
	}
}

func (a *attributes) number(key string, value int64) { a.put(key, value) }

func (a *attributes) flag(key string, value bool) {
	if value {
		a.put(key, true)
	}
}

// place adds a place in the service's code.
func (a *attributes) place(f breakdown.Frame) {
	a.text(codeFunction, f.Function)
	a.text(codeFile, f.File)
	if f.Line > 0 {
		a.number(codeLine, int64(f.Line))
	}
}

// served adds what is known of a request's endpoint.
func (a *attributes) served(e *breakdown.Endpoint, kind string) {
	protocol, _ := strings.CutSuffix(kind, " stream")
	if method, route, ok := strings.Cut(e.Route, " "); ok {
		a.text(httpMethod, method)
		a.text(httpRoute, route)
	}
	switch protocol {
	case "http/1":
		a.text(protocolName, "http") // 1.0 or 1.1: the trace does not say
	case "http/2":
		a.text(protocolName, "http")
		a.text(protocolVer, "2")
	case "grpc":
		a.text(rpcSystem, "grpc")
	case "kafka", "nats", "amqp":
		a.text(queueSystem, conventionalName(protocol))
		a.text(queueOperation, "process")
	case "websocket":
		a.text(protocolName, "websocket")
	}
	if e.Name != breakdown.Unnamed {
		a.text(codeFunction, e.Name)
	}
}

// spanKind returns the kind of a request's span. Work from a queue is consumed, and
// work that no client asked for is internal.
func spanKind(kind string) otlpKind {
	switch kind, _ := strings.CutSuffix(kind, " stream"); kind {
	case "kafka", "nats", "amqp":
		return kindConsumer
	case "task", "region", "function":
		return kindInternal
	}
	return kindServer
}

// called adds the other system of a call.
func (a *attributes) called(c *breakdown.Call, sends bool) {
	system := conventionalName(c.System)
	switch {
	case c.Bucket == breakdown.DB || c.Bucket == breakdown.Cache:
		a.text(dbSystem, system)
	case c.Bucket == breakdown.Queue:
		a.text(queueSystem, system)
		if sends {
			a.text(queueOperation, "send")
		}
	case system == "grpc":
		a.text(rpcSystem, system)
	case system == "http" || system == "dns":
		a.text(protocolName, system)
	default:
		a.text("timesink.system", system)
	}
	a.place(c.Site)
}

// systemOf returns the name of a call's system, as people say it.
func systemOf(c *breakdown.Call) string {
	if generic[c.System] {
		return c.Bucket.Info().Label
	}
	return cmp.Or(systemNames[c.System], c.System)
}

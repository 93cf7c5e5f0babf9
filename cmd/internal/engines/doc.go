// Package engines tests rows and pushed evidence against the engines that they are for:
// DuckDB and ClickHouse query the rows, and a collector of OpenTelemetry takes the traces.
// It is a separate module, so that the tool's module does not require them. .ci/engines runs
// it, and installs what it needs.
package engines

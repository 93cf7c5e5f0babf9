//go:build !servers

package tracetest

const long = false

//go:build !cgo

package main

// cRows is empty without a C compiler.
var cRows []row

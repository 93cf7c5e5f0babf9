//go:build !cgo

package local

// Without cgo there is no C code to call: requests of the scenarios that need it fail.

func waitInC(int) { panic("built without cgo") }

func computeInC(int) { panic("built without cgo") }

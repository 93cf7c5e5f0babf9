//go:build !whole

package main

// whole is false: scenarios whose libraries take long to compile are left out, and
// one of each family is measured. The build tag whole includes all.
const whole = false

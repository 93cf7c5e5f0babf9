//go:build !whole

package main

// whole: not all scenarios are built. Those whose libraries take long to compile are
// left out, and one of each family is measured. The build tag whole has all.
const whole = false

//go:build whole

package main

// whole is true: all scenarios are built and measured.
const whole = true

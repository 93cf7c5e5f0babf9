//go:build whole

package main

// whole: all scenarios are built and measured.
const whole = true

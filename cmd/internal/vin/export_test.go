package vin

import "time"

// Delays returns the first n delays of an upstream.
func Delays(c UpstreamsConfig, n int) []time.Duration {
	u := newUpstream(Recalls, 0, c)
	delays := make([]time.Duration, n)
	for i := range delays {
		delays[i] = u.delay()
	}
	return delays
}

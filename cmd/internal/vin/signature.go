package vin

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// signature hashes the number over and over. Its cost is in the rounds, so that
// one request burns what another does, however busy the machine.
func signature(number string, rounds int) string {
	sum := sha256.Sum256([]byte(number))
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

// calibrate finds how many rounds take about that long on this machine. It takes
// the median of several tries, as any of them may lose its core for a while, and
// less than a tenth of a second.
func calibrate(target time.Duration) int {
	const rounds, tries = 20_000, 31
	took := make([]time.Duration, tries)
	for i := range took {
		start := time.Now()
		signature("1HGCM82633A004352", rounds)
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return int(float64(target) / float64(took[tries/2]) * rounds)
}

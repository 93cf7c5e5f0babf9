package trace

import (
	"testing"

	"timesink/analyze/trace/tracetest"
)

// FuzzDecodersAgree uses data as it is, or one of the recorded generations with other times
// and single events changed. Both decoders nearly always reject arbitrary bytes at once.
func FuzzDecodersAgree(f *testing.F) {
	for _, data := range tracetest.ReaderFixtures(f) {
		if len(data) < 4<<10 {
			f.Add(data, uint8(0), uint64(0))
		}
	}
	recorded := smallGenerations(f, 40<<10)
	for i := range recorded {
		f.Add([]byte{byte(i), byte(7 * i), byte(i / 2), byte(i), 0, byte(i), byte(i), 3}, uint8(i+1), uint64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, base uint8, seed uint64) {
		g := encoded{data: data}
		if base > 0 {
			loose := loosen(recorded[int(base-1)%len(recorded)])
			if seed > 0 {
				loose.jitter(seed)
			}
			loose.edit(data)
			g = loose.encoded()
		}
		newPair().agree(t, g)
	})
}

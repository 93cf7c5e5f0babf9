// Package boundedtest checks, in tests and fuzz targets, that an input takes no more
// memory and time than its size explains. Only tests import it.
package boundedtest

import (
	"math"
	"runtime"
	"testing"
	"time"
)

// A Limit is how many bytes handling an input may allocate in all: Base, and PerByte
// for each of its bytes.
type Limit struct{ Base, PerByte int64 }

// times is how much longer handling an input may take than filling as many bytes as it
// may allocate.
const times = 100

// tries is how often it is measured before it counts as too slow: the machine may be
// busy with something else.
const tries = 5

// Check calls handle, which handles an input of size bytes, and fails the test if that
// allocates more than the limit, or takes more than a hundred times as long as filling
// so many bytes does on this machine at this moment. It calls handle again if it seems
// to exceed a limit, so handle must do the same each time. No other test may run in the
// same process meanwhile.
func Check(t testing.TB, size int, l Limit, handle func()) {
	t.Helper()
	most := l.Base + l.PerByte*int64(size)
	var allocated int64
	var took, filling time.Duration
	for range tries {
		allocated, took = measure(handle)
		if filling = fill(most); allocated <= most && took <= times*filling {
			return
		}
	}
	if allocated > most {
		t.Errorf("an input of %d bytes allocates %d, more than %d", size, allocated, most)
	}
	if took > times*filling {
		t.Errorf("an input of %d bytes takes %v, and filling %d bytes takes %v", size, took, most, filling)
	}
}

func measure(handle func()) (allocated int64, took time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	handle()
	took = time.Since(begin)
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc), took
}

// fill returns how long it takes to fill that many bytes: as long as the shortest of several
// times in which a part of them is filled, because the machine may be busy with something
// else.
func fill(bytes int64) time.Duration {
	buf := make([]byte, min(bytes, 1<<20))
	shortest := time.Duration(math.MaxInt64)
	for range 8 {
		begin := time.Now()
		for i := range buf {
			buf[i] = byte(i)
		}
		shortest = min(shortest, time.Since(begin))
	}
	return time.Duration(float64(shortest) * float64(bytes) / float64(max(len(buf), 1)))
}

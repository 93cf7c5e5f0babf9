package boundedtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A recorder keeps what a test would say.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

var kept []byte

func TestWhatIsBeyondALimitIsSeen(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func()
		says   string
	}{
		{"little", func() { kept = make([]byte, 1000) }, ""},
		{"too much memory", func() { kept = make([]byte, 3<<20) }, "allocates"},
		{"too much time", func() {
			// Within the handler, so that both are measured in the same moment.
			most := 8 * times * fill(1<<20)
			for begin := time.Now(); time.Since(begin) < most; {
			}
		}, "takes"},
	} {
		r := &recorder{TB: t}
		Check(r, 1000, Limit{1 << 20, 1}, c.handle)
		if got := strings.Join(r.said, ", "); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

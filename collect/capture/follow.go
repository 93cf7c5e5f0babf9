package capture

import (
	"io"
	"os"
	"time"
)

// followEvery is how often a follower at the end of the file looks for more
// data.
const followEvery = 20 * time.Millisecond

// Follow returns a reader of a part that is still being written: at the end of
// the file it waits for more, until ended is closed and everything has been
// read. The writer never waits for the reader.
//
// Until ended is closed, the reader passes on no more than the bytes that settled
// returns, which the writer will not take back. A nil settled stands for all bytes.
func Follow(path string, ended <-chan struct{}, settled func() int64) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &follower{f: f, ended: ended, settled: settled}, nil
}

type follower struct {
	f       *os.File
	ended   <-chan struct{}
	settled func() int64
	at      int64 // bytes read
}

func (r *follower) Read(b []byte) (int, error) {
	tick := time.NewTimer(followEvery)
	defer tick.Stop()
	if len(b) == 0 {
		return 0, nil
	}
	for {
		over := false
		select {
		case <-r.ended:
			over = true // nothing more will be written
		default:
		}
		n, err := 0, io.EOF
		if now := b[:r.most(len(b), over)]; len(now) > 0 {
			n, err = r.f.Read(now)
			r.at += int64(n)
		}
		if n > 0 || over || err != io.EOF {
			return n, err
		}
		tick.Reset(followEvery)
		select {
		case <-r.ended:
		case <-tick.C:
		}
	}
}

// most returns how many of n bytes may be read now.
func (r *follower) most(n int, over bool) int {
	if over || r.settled == nil {
		return n
	}
	return int(min(int64(n), max(r.settled()-r.at, 0)))
}

func (r *follower) Close() error { return r.f.Close() }

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
func Follow(path string, ended <-chan struct{}) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &follower{f: f, ended: ended}, nil
}

type follower struct {
	f     *os.File
	ended <-chan struct{}
}

func (r *follower) Read(b []byte) (int, error) {
	tick := time.NewTimer(followEvery)
	defer tick.Stop()
	for {
		over := false
		select {
		case <-r.ended:
			over = true // nothing more will be written
		default:
		}
		n, err := r.f.Read(b)
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

func (r *follower) Close() error { return r.f.Close() }

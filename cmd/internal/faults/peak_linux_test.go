package faults_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// A peak follows the peak memory of a process while it runs. The usage that the system
// states at its end would include the test's own, from before the process became another
// program.
type peak struct {
	end, ended chan struct{}
	bytes      int64
}

func watchPeak(pid int) *peak {
	p := &peak{end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			p.bytes = max(p.bytes, residentPeak(pid))
			select {
			case <-p.end:
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// stop returns the peak in bytes. It is called when the process has ended.
func (p *peak) stop() int64 {
	close(p.end)
	<-p.ended
	return p.bytes
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// residentPeak returns the peak of the process's resident memory so far, in bytes; 0 if
// it has ended.
func residentPeak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := highWater.FindSubmatch(status)
	if m == nil {
		return 0
	}
	kB, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return kB << 10
}

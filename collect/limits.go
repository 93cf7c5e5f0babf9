package collect

import (
	"io"
	"os"
	"path/filepath"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// Limits on what is read from a service beside the trace, in bytes. What is larger
// is left out with a warning. The limits are far above what is usual: a goroutine
// profile has some 100 KB, a CPU profile some 100 KB more for each busy minute.
const (
	maxHeaders   = 1 << 20  // of an answer
	maxErrorBody = 4096     // of an answer with an error
	maxIndex     = 64 << 10 // of a page
	maxHead      = 4 << 10  // of pages whose first lines suffice
	maxMetrics   = 1 << 20
	maxProfile   = 8 << 20 // of a profile that is a page, as it is sent
	maxTrial     = 4 << 20 // of the trial's trace
	// maxSidePart limits the CPU profile as it is sent, which goes to the disk. It is
	// less if the disk has little to spare: see sideShare.
	maxSidePart = 64 << 20
	// maxUnpacked limits what a profile unpacks to.
	maxUnpacked = 64 << 20
	// maxLearning limits the memory of reading a profile to learn from it. The part is
	// kept all the same.
	maxLearning = 32 << 20
	// maxProbeBody limits what is read of the body of a probe's answer. Rate times
	// this is the most that probes can load a service with.
	maxProbeBody = 4_000_000
)

// errorBody returns the first bytes of an answer with an error.
func errorBody(body io.Reader) []byte {
	data, _ := bounded.ReadAll(body, maxErrorBody)
	return data
}

// sideShare returns how many bytes of disk a side part may take: so much that the
// trace, which needs twice its size, cannot end for it.
func (c *collector) sideShare() int64 {
	free, err := capture.FreeDisk(filepath.Dir(c.path))
	if err != nil {
		return maxSidePart
	}
	return min(maxSidePart, max(0, free-c.cfg.Reserve)/8)
}

// checkUnpacked returns an error if a profile in a file cannot be unpacked, or is too
// large for that.
func checkUnpacked(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = bounded.Unpacked(f, maxUnpacked)
	return err
}

package scenario

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// PageSize is how many bytes of a Cold file the kernel reads at a time.
const PageSize = 4096

// A Cold file is mapped, and its pages are not in memory: whoever reads one waits for the
// disk in a page fault.
type Cold struct {
	f      *os.File
	mapped []byte
	region int
	number atomic.Int64
}

// coldRegions is the number of regions in a Cold file.
const coldRegions = 64

// OpenCold maps a file in a folder until the context is done. Its regions have that many
// pages each.
func OpenCold(ctx context.Context, folder string, pages int) (*Cold, error) {
	f, err := os.Create(filepath.Join(folder, "mapped"))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { f.Close() })
	region := make([]byte, pages*PageSize)
	for range coldRegions {
		if _, err := f.Write(region); err != nil {
			return nil, err
		}
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, coldRegions*len(region), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	if err := unix.Madvise(mapped, unix.MADV_RANDOM); err != nil { // no reading ahead
		return nil, err
	}
	return &Cold{f: f, mapped: mapped, region: len(region)}, nil
}

// Next returns the next region, whose pages the kernel has dropped.
func (c *Cold) Next() ([]byte, error) {
	from := int(c.number.Add(1)) % coldRegions * c.region
	own := c.mapped[from : from+c.region]
	if err := unix.Madvise(own, unix.MADV_DONTNEED); err != nil {
		return nil, err
	}
	return own, unix.Fadvise(int(c.f.Fd()), int64(from), int64(len(own)), unix.FADV_DONTNEED)
}

package breakdown

// A Series is one endpoint's complete requests in one capture, in the order of
// time: what it takes to tell a change from chance. Requests that follow each
// other are not independent, so they are kept by blocks.
type Series struct {
	Blocks []Block `json:"blocks"`
	// Stride is of how many requests one is among the blocks' Walls; the sums
	// are of all.
	Stride int64 `json:"stride"`
	seen   int64
	kept   int
	first  int64 // number of the first block's stretch
}

// A Block is the requests that ended in one stretch of time. Times are
// nanoseconds.
type Block struct {
	Requests int64             `json:"requests"`
	Wall     int64             `json:"wall_ns"` // their sum
	Buckets  [NumBuckets]int64 `json:"buckets_ns"`
	Walls    []int64           `json:"walls_ns"` // of every Stride-th request
}

// BlockLength is the stretch of time of a block, in nanoseconds.
const BlockLength = 100_000_000

// mostWalls bounds the wall times that a Series holds one by one.
const mostWalls = 8192

// Add takes a request that ended at a moment.
func (s *Series) Add(end, wall int64, spent *[NumBuckets]int64) {
	at := end / BlockLength
	if len(s.Blocks) == 0 {
		s.first, s.Stride = at, 1
	}
	// Requests come nearly in the order of their end; one that came late counts
	// for the first block.
	i := int(max(at-s.first, 0))
	for len(s.Blocks) <= i {
		s.Blocks = append(s.Blocks, Block{})
	}
	b := &s.Blocks[i]
	b.Requests++
	b.Wall += wall
	for k, t := range spent {
		b.Buckets[k] += t
	}
	if s.seen%s.Stride == 0 {
		b.Walls = append(b.Walls, wall)
		if s.kept++; s.kept > mostWalls {
			s.thin()
		}
	}
	s.seen++
}

// thin drops every second wall time.
func (s *Series) thin() {
	n := 0
	for i := range s.Blocks {
		b := &s.Blocks[i]
		kept := b.Walls[:0]
		for _, w := range b.Walls {
			if n%2 == 0 {
				kept = append(kept, w)
			}
			n++
		}
		b.Walls = kept
	}
	s.kept = (n + 1) / 2
	s.Stride *= 2
}

// Merge adds the requests of another one, of the same capture, which is not to be
// used any more. Within a block they are in no order.
func (s *Series) Merge(o *Series) {
	for s.Stride < o.Stride {
		s.thin()
	}
	for o.Stride < s.Stride {
		o.thin()
	}
	if missing := s.first - o.first; missing > 0 {
		s.Blocks, s.first = append(make([]Block, missing), s.Blocks...), o.first
	}
	for i := range o.Blocks {
		from, at := &o.Blocks[i], i+int(o.first-s.first)
		for len(s.Blocks) <= at {
			s.Blocks = append(s.Blocks, Block{})
		}
		to := &s.Blocks[at]
		to.Requests += from.Requests
		to.Wall += from.Wall
		for k, t := range from.Buckets {
			to.Buckets[k] += t
		}
		to.Walls = append(to.Walls, from.Walls...)
	}
	s.seen += o.seen
	if s.kept += o.kept; s.kept > mostWalls {
		s.thin()
	}
}

// Requests counts them.
func (s *Series) Requests() (n int64) {
	for i := range s.Blocks {
		n += s.Blocks[i].Requests
	}
	return n
}

// Size is about how much memory the series takes, in bytes.
func (s *Series) Size() int64 {
	return int64(cap(s.Blocks))*(int64(NumBuckets)*8+48) + int64(s.kept)*12
}

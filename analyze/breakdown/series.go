package breakdown

// A Series is one endpoint's complete requests in one capture, in time order, as tests
// for a change need them. Consecutive requests are not independent, so they are kept in
// blocks.
type Series struct {
	Blocks []Block `json:"blocks"`
	// Stride says that the blocks' Walls hold one of this many requests. The sums
	// include all.
	Stride int64 `json:"stride"`
	seen   int64
	kept   int
	first  int64 // index of the first block's stretch of time
}

// A Block is the requests that ended in one stretch of time. Times are in nanoseconds.
type Block struct {
	Requests int64             `json:"requests"`
	Wall     int64             `json:"wall_ns"` // their sum
	Buckets  [NumBuckets]int64 `json:"buckets_ns"`
	Walls    []int64           `json:"walls_ns"` // of every Stride-th request
}

// BlockLength is the length of a block's stretch of time, in nanoseconds.
const BlockLength = 100_000_000

// mostWalls bounds the number of wall times that a Series holds.
const mostWalls = 8192

// Add adds a request that ended at end, on the trace's clock. Times are in nanoseconds;
// spent is the request's time in each bucket.
func (s *Series) Add(end, wall int64, spent *[NumBuckets]int64) {
	at := end / BlockLength
	if len(s.Blocks) == 0 {
		s.first, s.Stride = at, 1
	}
	// Requests come nearly in the order of their end. One from before the first block
	// counts there.
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

// Merge adds the requests of o, which must be of the same capture and must not be used
// afterwards. Within a block the wall times are then in no order.
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

// First returns the index of the first block's stretch of time, counted from the beginning
// of the trace's clock.
func (s *Series) First() int64 { return s.first }

// Requests returns the number of requests.
func (s *Series) Requests() (n int64) {
	for i := range s.Blocks {
		n += s.Blocks[i].Requests
	}
	return n
}

// Size returns an estimate of the series's memory, in bytes.
func (s *Series) Size() int64 {
	return int64(cap(s.Blocks))*(int64(NumBuckets)*8+48) + int64(s.kept)*12
}

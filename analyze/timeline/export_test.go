package timeline

import "io"

// Boundaries are where the generations of a trace end, in bytes from its
// beginning, as far as they are whole.
func Boundaries(r io.Reader) ([]int64, error) {
	s, err := newSplitter(r)
	if err != nil {
		return nil, err
	}
	var at []int64
	for {
		if _, err := s.generation(); err != nil {
			if err == io.EOF {
				err = nil
			}
			return at, err
		}
		at = append(at, s.whole)
	}
}

package collect

import (
	"bytes"
	"encoding/binary"

	"github.com/google/pprof/profile"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// profileStacks reads the stacks of a goroutine profile in the protobuf form, with how
// many goroutines have each.
func profileStacks(data []byte, stack func(key []byte, read func() capture.Stack) (int, error)) (list []capture.Goroutine, err error) {
	p, err := bounded.Profile(bytes.NewReader(data), maxLearning)
	if err != nil {
		return nil, err
	}
	for _, s := range p.Sample {
		if len(s.Value) == 0 || s.Value[0] <= 0 || len(s.Location) == 0 {
			continue
		}
		g := capture.Goroutine{Count: int(s.Value[0])}
		read := func() capture.Stack { return framesOf(s) }
		if g.Stack, err = stack(profileKey(s), read); err != nil {
			return list, err
		}
		list = append(list, g)
	}
	if len(list) == 0 {
		return nil, errNotStacks
	}
	return list, nil
}

// profileKey identifies a stack by its addresses, which are the same in all profiles of
// a process.
func profileKey(s *profile.Sample) []byte {
	key := make([]byte, 0, 8*len(s.Location))
	for _, l := range s.Location {
		key = binary.LittleEndian.AppendUint64(key, l.Address)
	}
	return key
}

func framesOf(s *profile.Sample) capture.Stack {
	out := capture.Stack{Frames: []capture.Frame{}}
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				out.Frames = append(out.Frames, capture.Frame{Function: line.Function.Name, File: line.Function.Filename, Line: int(line.Line)})
			}
		}
	}
	return out
}

package bounded

import (
	"bytes"
	"errors"
	"io"

	"github.com/google/pprof/profile"
)

// Profile reads a pprof profile, gzipped or not, with at most most bytes of memory
// in all: a quarter for its encoding, and the rest for the parsed profile. The error
// for a larger one wraps ErrTooLarge. Stacks count as often as samples have them
// too: a profile whose stacks cannot be written out one by one is too large.
func Profile(r io.Reader, most int64) (*profile.Profile, error) {
	data, err := profileData(r, most/4)
	if err != nil {
		return nil, err
	}
	need, err := profileCost(data)
	if err != nil {
		return nil, err
	}
	if need+int64(len(data)) > most {
		return nil, &limitError{"when parsed, takes more than", most}
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil {
		return nil, err
	}
	if err := p.CheckValid(); err != nil {
		return nil, err
	}
	if stackCost(p) > most {
		return nil, &limitError{"with each stack written out, takes more than", most}
	}
	return p, nil
}

// profileData returns the encoding of a profile, unpacked.
func profileData(r io.Reader, most int64) ([]byte, error) {
	var magic [2]byte
	n, err := fill(r, magic[:])
	if err != nil && err != io.EOF {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(magic[:n]), r)
	if n == 2 && magic == [2]byte{0x1f, 0x8b} {
		return Unzip(whole, most)
	}
	return ReadAll(whole, most)
}

// The sizes of what the parser makes of a message, in bytes, with the slack of
// slices that grow and the maps of the parser. A test compares them with what
// the parser uses.
const (
	sampleSize   = 256
	labelsSize   = 1536 // of a sample that has any
	labelSize    = 512
	mappingSize  = 320
	locationSize = 256
	lineSize     = 256
	functionSize = 256
	stringSize   = 112
	otherSize    = 128
	numberSize   = 40 // an element of a list of numbers
	frameSize    = 64 // of a stack that is written out
)

// The fields of a profile's messages (proto/profile.proto of github.com/google/pprof).
const (
	fieldSample, fieldMapping, fieldLocation, fieldFunction, fieldString, fieldComment = 2, 3, 4, 5, 6, 13

	fieldLabel = 3 // of a sample
	fieldLine  = 4 // of a location
)

var errMalformed = errors.New("malformed profile")

// profileCost returns an upper bound on what a profile's parser uses.
func profileCost(data []byte) (cost int64, err error) {
	err = fields(data, func(number int, value []byte) error {
		var err error
		of := int64(0)
		switch number {
		case fieldSample:
			of, err = sampleCost(value)
		case fieldMapping:
			of = mappingSize
		case fieldLocation:
			of, err = locationCost(value)
		case fieldFunction:
			of = functionSize
		case fieldString:
			of = stringSize + int64(len(value))
		case fieldComment:
			of = otherSize * int64(max(1, numbers(value)))
		default:
			of = otherSize
		}
		cost += of
		return err
	})
	return cost, err
}

func sampleCost(data []byte) (cost int64, err error) {
	labels := int64(0)
	err = fields(data, func(number int, value []byte) error {
		if number == fieldLabel {
			labels = labelsSize
			cost += labelSize
		} else {
			cost += numberSize * int64(max(1, numbers(value)))
		}
		return nil
	})
	return cost + labels + sampleSize, err
}

func locationCost(data []byte) (cost int64, err error) {
	err = fields(data, func(number int, value []byte) error {
		if number == fieldLine {
			cost += lineSize
		}
		return nil
	})
	return cost + locationSize, err
}

// numbers returns how many numbers a packed list holds.
func numbers(list []byte) (n int) {
	for _, b := range list {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// stackCost returns what the stacks of all samples take when they are written out.
func stackCost(p *profile.Profile) (cost int64) {
	for _, s := range p.Sample {
		for _, l := range s.Location {
			if l != nil {
				cost += frameSize * int64(max(1, len(l.Line)))
			}
		}
	}
	return cost
}

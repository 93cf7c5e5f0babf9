package collect

import (
	"bytes"
	"errors"
	"strconv"

	"timesink/collect/capture"
)

// errNotStacks is the error for an answer that lists no goroutines.
var errNotStacks = errors.New("not a list of goroutines")

// parseStacks reads the goroutines that runtime.Stack lists, as the page
// goroutine?debug=2 has them:
//
//	goroutine 11 [select, 2 minutes, locked to thread]:
//	main.(*API).fetch(0xc000012345, {0x7d8d48?, 0xc0000665a0?})
//		/src/api.go:88 +0x18
//	...23 frames elided...
//	created by net/http.(*Server).Serve in goroutine 7
//		/usr/local/go/src/net/http/server.go:3464 +0x485
//
// The arguments of functions are dropped: they are addresses, and may be values. It
// skips lines that it does not know. It returns errNotStacks if it finds no goroutine.
func parseStacks(text []byte, stack func(key []byte, read func() capture.Stack) (int, error)) (list []capture.Goroutine, err error) {
	for len(text) > 0 {
		var block []byte
		block, text, _ = bytes.Cut(text, []byte("\n\n"))
		head, frames, _ := bytes.Cut(block, []byte("\n"))
		g, ok := parseHeader(head)
		if !ok {
			continue
		}
		g.Creator = creatorOf(frames)
		if g.Stack, err = stack(stackKey(frames), func() capture.Stack { return parseFrames(frames) }); err != nil {
			return list, err
		}
		list = append(list, g)
	}
	if len(list) == 0 {
		return nil, errNotStacks
	}
	return list, nil
}

// parseHeader reads a goroutine's first line.
func parseHeader(line []byte) (g capture.Goroutine, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("goroutine "))
	if !ok {
		return g, false
	}
	id, rest, _ := bytes.Cut(rest, []byte(" "))
	var err error
	if g.ID, err = strconv.ParseInt(string(id), 10, 64); err != nil {
		return g, false
	}
	_, rest, ok = bytes.Cut(rest, []byte("["))
	if !ok {
		return g, false
	}
	state, _, ok := bytes.Cut(rest, []byte("]"))
	if !ok {
		return g, false
	}
	for i, part := range bytes.Split(state, []byte(", ")) {
		if i == 0 {
			g.State = string(part)
		} else if n, ok := bytes.CutSuffix(part, []byte(" minutes")); ok {
			g.Minutes, _ = strconv.Atoi(string(n))
		}
	}
	return g, g.State != ""
}

var (
	createdBy   = []byte("created by ")
	inGoroutine = []byte(" in goroutine ")
)

// creatorOf returns the goroutine that started another one, which Go says since 1.21.
func creatorOf(frames []byte) int64 {
	i := bytes.LastIndex(frames, createdBy)
	if i < 0 {
		return 0
	}
	line, _, _ := bytes.Cut(frames[i:], []byte("\n"))
	_, id, _ := bytes.Cut(line, inGoroutine)
	n, _ := strconv.ParseInt(string(id), 10, 64)
	return n
}

// stackKey returns the frames without what differs between goroutines with one stack:
// the arguments, the offset of the instruction, and who started the goroutine.
func stackKey(frames []byte) []byte {
	key := make([]byte, 0, len(frames)/2)
	for line := range bytes.Lines(frames) {
		key = append(append(key, place(bytes.TrimSuffix(line, []byte("\n")))...), '\n')
	}
	return key
}

// place returns what identifies a line of a stack.
func place(line []byte) []byte {
	switch {
	case bytes.HasPrefix(line, []byte("\t")):
		at, _, _ := bytes.Cut(line, []byte(" +0x"))
		return at
	case bytes.HasPrefix(line, createdBy):
		name, _, _ := bytes.Cut(line, inGoroutine)
		return name
	}
	if i := bytes.LastIndexByte(line, '('); i > 0 && bytes.HasSuffix(line, []byte(")")) {
		return line[:i]
	}
	return line
}

// parseFrames reads the lines of a stack.
func parseFrames(lines []byte) (s capture.Stack) {
	s.Frames = []capture.Frame{}
	created := false
	for line := range bytes.Lines(lines) {
		text := place(bytes.TrimSuffix(line, []byte("\n")))
		switch name, ok := bytes.CutPrefix(text, createdBy); {
		case ok:
			s.CreatedBy, created = string(name), true
		case bytes.HasPrefix(text, []byte("...")):
			s.Elided = true
		case bytes.HasPrefix(text, []byte("\t")):
			if n := len(s.Frames); n > 0 && !created {
				s.Frames[n-1].File, s.Frames[n-1].Line = parsePlace(text[1:])
			}
		case len(text) > 0 && !created:
			s.Frames = append(s.Frames, capture.Frame{Function: string(text)})
		}
	}
	return s
}

// parsePlace reads a file and its line: "/src/api.go:88".
func parsePlace(text []byte) (file string, line int) {
	i := bytes.LastIndexByte(text, ':')
	if i < 0 {
		return string(text), 0
	}
	n, err := strconv.Atoi(string(text[i+1:]))
	if err != nil {
		return string(text), 0
	}
	return string(text[:i]), n
}

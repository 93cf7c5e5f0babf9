package collect

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// manyGoroutines is the number of goroutines above which no goroutine profile
// is taken: it stops the world, for up to 300 ms at 100,000 (golang/go#50794).
const manyGoroutines = 100_000

// fewGoroutines returns why the goroutine profile before the window must not be
// taken, or nil. Its cost grows with the number of goroutines, which only the
// index states.
func (c *collector) fewGoroutines() error {
	if isLate(c.index.err) {
		return withOp(c.client.op("goroutine"), newFault(ErrUnreachable, doctorHint, "the index, which counts the goroutines, gave %s", lateForWindow.what))
	}
	if n := c.facts.known().Goroutines; n > manyGoroutines {
		return &unasked{"goroutines-many", fmt.Sprintf("no goroutine profiles were taken: with %d goroutines they would pause the service", n)}
	}
	return nil
}

// goroutinesBefore returns why the goroutine profile after the window is not
// taken, or nil. Without the first one there is nothing to compare it with, and
// a service that was slow to serve one is not asked for another.
func (c *collector) goroutinesBefore() error {
	if p := c.manifestPart(capture.GoroutineBeforePart); p == nil || p.Error != "" {
		return &unasked{}
	}
	return nil
}

// goroutines learns the path of the binary from a goroutine profile, and what
// its source paths reveal.
func (s *survey) goroutines(data []byte) {
	p, err := bounded.Profile(bytes.NewReader(data), maxLearning)
	if err != nil {
		s.log("goroutine", "read the profile", 0, int64(len(data)), err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range p.Mapping {
		if m.File != "" && !strings.HasPrefix(m.File, "[") {
			s.service.Binary, s.service.BuildID = m.File, m.BuildID
			break
		}
	}
	for _, f := range p.Function {
		file := strings.ReplaceAll(f.Filename, `\`, "/")
		s.traced = s.traced || f.Name == handlerOfTrace || readsTrace.MatchString(f.Name)
		if f.Name == "main.main" {
			s.service.MainFile = f.Filename
		}
		if root, _, ok := strings.Cut(file, "/src/runtime/"); ok && strings.HasPrefix(f.Name, "runtime.") {
			for _, m := range pathVersion.FindAllStringSubmatch(root, -1) {
				s.exact = append(s.exact, "go"+m[1])
			}
		}
	}
}

func (d *doctor) goroutine(ctx context.Context, index answer) {
	n := d.known().Goroutines
	if n > manyGoroutines || isLate(index.err) {
		d.enter("goroutine", 0, nil, 0)
		if isLate(index.err) {
			d.note("goroutine", false, "not requested: the index, which counts the goroutines, gave %s", lateForWindow.what)
		} else {
			d.note("goroutine", false, "not requested: with %d goroutines it would pause the service", n)
		}
		return
	}
	if data := d.profilePage(ctx, "goroutine"); data != nil {
		d.goroutines(data)
	}
}

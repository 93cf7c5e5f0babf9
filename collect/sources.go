package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// A source is something that a collection requests from a service: evidence that
// becomes a part of the capture, or a page that describes the service.
//
// The time of the request follows from the part, as capture.Kinds declares it. A
// source without a part is requested after the window: before it there is no
// time, and during it the request would be among those measured.
type source struct {
	name string // name of the page in the log and in Doctor's report
	part string // the part that the answer becomes; "" for none

	// ask requests the page, and begin starts anything that is more than one
	// page. A row with neither belongs to the code that runs a collection (the
	// index, the trace, the probes) or to Doctor alone.
	ask   func(*survey, context.Context) answer
	begin func(*collector, context.Context) taking
	// needs returns why the source must not be requested now, or nil: an
	// *unasked error, or any other error to use as the answer. A nil needs
	// allows every request.
	needs func(*collector) error
	// learn learns about the service from the part. It may be nil.
	learn func(*survey, []byte)
	// code and lost form the warning for a missing answer.
	code, lost string

	// examine makes Doctor's request, given the answer of the index; nil if
	// Doctor makes none. Sources of the window are examined one after another,
	// because each of them records; all others concurrently.
	examine func(*doctor, context.Context, answer)
}

// sources returns all sources. Doctor lists the answers in this order.
//
// It is a function, not a variable, because its rows refer back to it: they
// record answers in its order.
func sources() []source {
	return []source{
		{name: "index"},
		{name: "mutex", ask: (*survey).mutex, examine: examineWith((*survey).mutex),
			code: "page-late", lost: "whether the mutex profile is on"},
		{name: "metrics", ask: (*survey).metrics, examine: examineWith((*survey).metrics),
			code: "page-late", lost: "the version of Go and GOMAXPROCS as the service states them"},
		{name: "block", examine: (*doctor).block},
		{name: "goroutine", part: capture.GoroutineBeforePart, ask: profilePage("goroutine"), needs: (*collector).fewGoroutines,
			learn: (*survey).goroutines, examine: (*doctor).goroutine,
			code: "goroutines-missing", lost: "no goroutine profiles"},
		{name: "trace", part: capture.TracePart, examine: (*doctor).takeTrace},
		{name: "samples", part: capture.SamplesPart},
		{name: "profile", part: capture.CPUPart, begin: (*collector).beginCPUProfile, examine: (*doctor).takeProfile},
		{name: "probes", part: capture.ProbesPart},
		{name: "goroutine", part: capture.GoroutineAfterPart, ask: profilePage("goroutine"), needs: (*collector).goroutinesBefore,
			code: "goroutines-missing", lost: "no goroutine profile after the window"},
	}
}

// moment returns when the source is requested.
func (s source) moment() capture.When {
	if kind, ok := capture.KindOf(s.part); ok {
		return kind.When
	}
	return capture.After
}

// sourcesAt returns the sources to request at a moment.
func sourcesAt(when capture.When) []source {
	return slices.DeleteFunc(sources(), func(s source) bool { return s.ask == nil && s.begin == nil || s.moment() != when })
}

// listed returns a page's index in sources, or -1 for an unknown page.
func listed(page string) int {
	return slices.IndexFunc(sources(), func(s source) bool { return s.name == page })
}

// profilePage returns a function that requests a profile of net/http/pprof.
func profilePage(name string) func(*survey, context.Context) answer {
	return func(s *survey, ctx context.Context) answer { return s.client.fetch(ctx, name, maxProfile) }
}

// examineWith returns an examine function that requests a page as a collection
// does.
func examineWith(ask func(*survey, context.Context) answer) func(*doctor, context.Context, answer) {
	return func(d *doctor, ctx context.Context, _ answer) { ask(&d.survey, ctx) }
}

// A taking is a source that has been requested.
type taking interface {
	// keep waits for the answer and adds it to the capture, with warnings if it
	// is missing. early is why the window ended early, nil if it did not.
	keep(ctx context.Context, early *earlyEnd)
	// drop cancels the request and leaves nothing of it in the capture.
	drop()
}

// take requests a source. The context limits the request.
func (c *collector) take(ctx context.Context, s source) taking {
	if s.begin != nil {
		return s.begin(c, ctx)
	}
	p := &pageTaking{c: c, source: s, answered: make(chan answer, 1)}
	ctx, p.cut = context.WithCancel(ctx)
	if s.needs != nil {
		if err := s.needs(c); err != nil {
			p.answered <- answer{err: err}
			return p
		}
	}
	go func() { p.answered <- s.ask(&c.facts, ctx) }()
	return p
}

// takeAfter takes a source after the window. It ignores the context that ended
// the window, so that an interrupt keeps the capture complete.
func (c *collector) takeAfter(s source) {
	grace, late := sideGrace, lateForAnswer
	if s.part == "" {
		grace, late = pageGrace, lateAsPage
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), grace, late)
	defer cancel()
	c.take(ctx, s).keep(ctx, nil)
}

// An unasked error is the reason for not requesting a source at all. Unlike
// other errors it leaves no entry in the manifest, only a warning, or nothing if
// its code is empty.
type unasked struct{ code, why string }

func (u *unasked) Error() string { return u.why }

// A pageTaking is a source that is a single page.
type pageTaking struct {
	c        *collector
	source   source
	answered chan answer
	cut      context.CancelFunc
}

func (p *pageTaking) drop() { p.cut() }

func (p *pageTaking) keep(context.Context, *earlyEnd) {
	defer p.cut()
	a, s, c := <-p.answered, p.source, p.c
	var not *unasked
	switch {
	case errors.As(a.err, &not):
		if not.code != "" {
			c.warn(not.code, "%s", not.why)
		}
		return
	case s.part == "":
		if isLate(a.err) {
			c.warn(s.code, "the %s page gave %s: %s is not known", s.name, told(a.err), s.lost)
		}
		return
	}
	if err := c.keepPage(s, a); err != nil {
		c.warn(s.code, "%s: %s", s.lost, told(err))
		return
	}
	if s.learn != nil {
		s.learn(&c.facts, a.body)
	}
}

// keepPage writes a page's answer as a part. If it returns an error, there is no
// such part.
func (c *collector) keepPage(s source, a answer) error {
	err := a.err
	kind, _ := capture.KindOf(s.part)
	switch {
	case err == nil && a.more:
		err = fmt.Errorf("larger than %s", BytesText(maxProfile))
	case err == nil && kind.Content == capture.ProfileContent && !isGzip(a.body):
		err = fmt.Errorf("not a profile but %s", capture.Sniff(a.body).What)
	case err == nil && kind.Content == capture.ProfileContent:
		if _, err = bounded.Unpacked(bytes.NewReader(a.body), maxUnpacked); err != nil {
			err = fmt.Errorf("not a profile that can be read: it %w", err)
		}
	}
	if err == nil {
		err = c.write(s.part, a.body)
	}
	c.log(s.name, "took "+s.part, a.took, int64(len(a.body)), err)
	c.part(capture.Part{Name: s.part, Source: s.name, Took: int64(a.took), Size: int64(len(a.body))}, err)
	return err
}

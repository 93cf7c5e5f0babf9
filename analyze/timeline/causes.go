package timeline

import (
	"cmp"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// The evidence of segments, shared by all with the same.

type causeKey struct {
	class, at *class
	state     trace.State
	reason    trace.Reason
}

func (w *walk) cause(iv *interval) *breakdown.Cause {
	return w.m.causeOf(iv.class, iv.state, iv.reason, w.at)
}

// causeOf returns the evidence for an attribution. If the stack holds none of the
// service's code, as on a library's goroutine, the site is where the request itself
// waits.
func (m *machine) causeOf(c *class, state trace.State, why trace.Reason, at *class) *breakdown.Cause {
	if c != nil && c.opening != nil {
		return c.opening.causeOf(m, at)
	}
	if c != nil && c.InService || at == c || at != nil && !at.InService {
		at = nil
	}
	if at == nil {
		of := c
		if of == nil {
			of = &m.none
		}
		slot := &of.causes[state]
		if slot.cause == nil || slot.reason != why {
			*slot = reason{m.newCause(c, state, why, nil), why}
		}
		return slot.cause
	}
	if at.others == nil {
		at.others = new([trace.NumStates]otherReason)
	}
	slot := &at.others[state]
	if slot.cause != nil && slot.class == c && slot.reason.reason == why {
		return slot.cause
	}
	cause := m.newCause(c, state, why, at)
	if !m.causesFull() { // otherwise it may be a plain one, and each use of that is counted
		*slot = otherReason{reason{cause, why}, c}
	}
	return cause
}

// causeOfNone returns the evidence for a state without a stack or a reason, which is that of
// most.
func (m *machine) causeOfNone(state trace.State) *breakdown.Cause {
	if slot := &m.none.causes[state]; slot.cause != nil && slot.reason == trace.ReasonNone {
		return slot.cause
	}
	return m.causeOf(nil, state, trace.ReasonNone, nil)
}

// causesFull reports whether there is no room for more causes.
func (m *machine) causesFull() bool { return len(m.cause)*causeSize > m.causesRoom }

// newCause makes a cause. Equal causes are made once.
func (m *machine) newCause(c *class, state trace.State, why trace.Reason, at *class) *breakdown.Cause {
	key := causeKey{c, at, state, why}
	if cause, ok := m.cause[key]; ok {
		return cause
	}
	if m.causesFull() {
		return m.plainCause(c, state, why, at)
	}
	cause := &breakdown.Cause{State: state.String(), Reason: m.reasonName(why)}
	if c != nil {
		cause.Site, cause.Stack, cause.System, cause.Library, cause.Timer, cause.Purpose = c.Site, c.Stack, c.System, c.Library, c.Timer, c.Purpose
		cause.Activity, cause.Called, cause.Collecting, cause.Outside = c.Activity, c.Called, c.Collecting, !c.InService
		if c.Own != nil {
			cause.Rule, cause.Of, cause.Hold = c.Own.Func, c.Own.Bucket, c.Hold
		}
	}
	if at != nil {
		cause.Site = at.Site
		cause.Library = cmp.Or(cause.Library, at.Library)
	}
	m.cause[key] = cause
	return cause
}

package analyze

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// limit returns the semaphore that requests wait for the longest, nil if there is none.
func (e *endpoint) limit() *diagnosis.Limit {
	semaphore, channel := e.semaphore(), e.channel()
	if semaphore == nil || channel != nil && channel.Time > semaphore.Time {
		return channel
	}
	return semaphore
}

// groups is the package of a group that lets only some of its goroutines run at once, and
// givers are its functions that give a place back. If requests share a group, others' wait.
const groups = "golang.org/x/sync/errgroup"

var givers = []string{groups + ".(*Group).done"}

// shows reports whether one of the functions is on a wait's stack.
func shows(c *breakdown.Cause, functions []string) bool {
	return slices.ContainsFunc(c.Stack, func(f breakdown.Frame) bool { return slices.Contains(functions, f.Function) })
}

// semaphores are the packages whose locks let more than one in.
const semaphores = "golang.org/x/sync/semaphore"

// semaphore returns a library's.
func (e *endpoint) semaphore() *diagnosis.Limit {
	sites := map[breakdown.Frame]int64{}
	whole := int64(0)
	for c, t := range e.buckets[breakdown.Lock].causes {
		if strings.HasPrefix(c.Rule, semaphores+".") {
			sites[c.Site] += t.ns
			whole += t.ns
		}
	}
	return limitAt(breakdown.Lock, semaphores, sites, mean(whole, e.requests))
}

// channel returns one that other requests of this handler's take from, or give to, when
// they are done, and so let others go on. A worker that does so is none of them, and
// neither is a request that closes a channel: others wait for its result.
func (e *endpoint) channel() *diagnosis.Limit {
	b := &e.buckets[breakdown.Wait]
	requests, given, all := int64(0), int64(0), int64(0)
	for k, sum := range b.holders {
		ns := *sum
		all += ns
		switch {
		case k.batch:
		case shows(k.release, givers):
			given += ns
			requests += ns
		case e.passesOn(k.release):
			requests += ns
		}
	}
	if requests == 0 || float64(requests) < 0.9*float64(all) || 2*all < b.total {
		return nil
	}
	sites := map[breakdown.Frame]int64{}
	whole, conditions := int64(0), int64(0)
	for c, t := range b.causes {
		condition := c.Reason == "sync.(*Cond).Wait"
		if c.State != "waiting" || !condition && !strings.HasPrefix(c.Reason, "chan ") {
			continue
		}
		if condition {
			conditions += t.ns
		}
		sites[c.Site] += t.ns
		whole += t.ns
	}
	library := ""
	switch {
	case 2*given > requests:
		library = groups
	case 2*conditions > whole:
		library = "sync.Cond"
	}
	return limitAt(breakdown.Wait, library, sites, mean(whole, e.requests))
}

// passesOn reports whether a request of this handler's ends a wait by receiving from a
// channel or sending to it, or by a signal to one goroutine that waits for a condition.
func (e *endpoint) passesOn(release *breakdown.Cause) bool {
	if len(release.Stack) == 0 || !strings.HasPrefix(release.Stack[0].Function, "runtime.chan") && release.Stack[0].Function != "runtime.selectgo" && !signals(release.Stack) {
		return false
	}
	return slices.ContainsFunc(release.Stack, func(f breakdown.Frame) bool { return f.Function == e.key.name })
}

// signals reports whether a stack, leaf first, wakes one of those who wait for a condition.
func signals(stack []breakdown.Frame) bool {
	i := slices.IndexFunc(stack, func(f breakdown.Frame) bool { return strings.HasPrefix(f.Function, "sync.(*Cond).") })
	return i >= 0 && i <= 1 && stack[i].Function == "sync.(*Cond).Signal"
}

// limitAt returns the limit that requests wait for at sites, nil if there are none.
func limitAt(b breakdown.Bucket, library string, sites map[breakdown.Frame]int64, ns int64) *diagnosis.Limit {
	var most breakdown.Frame
	for at, t := range sites {
		if most == (breakdown.Frame{}) || cmp.Or(cmp.Compare(t, sites[most]), compareFrames(most, at)) > 0 {
			most = at
		}
	}
	if ns == 0 {
		return nil
	}
	return &diagnosis.Limit{Bucket: b, Library: library, Site: most, Time: ns}
}

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
	requests, all := int64(0), int64(0)
	for k, sum := range b.holders {
		ns := *sum
		all += ns
		if !k.batch && e.passesOn(k.release) {
			requests += ns
		}
	}
	if requests == 0 || float64(requests) < 0.9*float64(all) || 2*all < b.total {
		return nil
	}
	sites := map[breakdown.Frame]int64{}
	whole := int64(0)
	for c, t := range b.causes {
		if c.State == "waiting" && strings.HasPrefix(c.Reason, "chan ") {
			sites[c.Site] += t.ns
			whole += t.ns
		}
	}
	return limitAt(breakdown.Wait, "", sites, mean(whole, e.requests))
}

// passesOn reports whether a request of this handler's ends a wait by receiving from a
// channel or sending to it.
func (e *endpoint) passesOn(release *breakdown.Cause) bool {
	if len(release.Stack) == 0 || !strings.HasPrefix(release.Stack[0].Function, "runtime.chan") && release.Stack[0].Function != "runtime.selectgo" {
		return false
	}
	return slices.ContainsFunc(release.Stack, func(f breakdown.Frame) bool { return f.Function == e.key.name })
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

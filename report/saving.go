package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// An ownPart is a part of a bucket that would remain if the bucket's work took no time:
// what another system's bucket spends on the service's own side, and running without a
// core.
type ownPart struct {
	stage breakdown.Stage
	spent string // "Most time is spent …"
}

var poolWait = ownPart{breakdown.Pooling, "waiting for a connection from the service's own pool"}

var ownParts = []ownPart{
	poolWait,
	{breakdown.Locked, "waiting for locks that the service's own transactions hold"},
	{breakdown.Dialing, "dialing connections"},
	{breakdown.Batching, "waiting for the client's own batches to fill"},
	{breakdown.Deprived, "running without a core"},
}

// deprived returns the part of the running time that was without a core, or nil if
// nothing shows any.
func deprived(t *breakdown.BucketTime) *breakdown.PhaseTime {
	for i := range t.Phases {
		if p := &t.Phases[i]; p.Phase == breakdown.OffCPU && p.Total+p.IncompleteTotal > 0 {
			return p
		}
	}
	return nil
}

// deprivedBy says why running goroutines had no core.
func deprivedBy(cause breakdown.Deprivation) string {
	switch cause {
	case breakdown.ByLimit:
		return "a CPU limit"
	case breakdown.ByStalls:
		return "page faults, or other waits in the kernel without a system call"
	case breakdown.ByNeighbors:
		return "noisy neighbors"
	}
	return "a CPU limit, page faults, or noisy neighbors"
}

// mainly holds the words for a part that is nearly all one phase.
var mainly = map[breakdown.Phase]string{
	breakdown.DNS: "looking up host names",
	breakdown.TLS: "in TLS handshakes",
}

// spentOn says what the part of a bucket is spent on: "dialing connections".
func (p *ownPart) spentOn(t *breakdown.BucketTime, in func(*breakdown.PhaseTime) int64) string {
	all := p.time(t, in)
	for i := range t.Phases {
		phase := &t.Phases[i]
		if words := mainly[phase.Phase]; words != "" && phase.Phase.Stage() == p.stage && 10*in(phase) >= 9*all {
			return words
		}
	}
	return p.spent
}

func (p *ownPart) total(t *breakdown.BucketTime) int64 { return p.time(t, totalIn) }

func (p *ownPart) time(t *breakdown.BucketTime, in func(*breakdown.PhaseTime) int64) (sum int64) {
	for i := range t.Phases {
		if t.Phases[i].Phase.Stage() == p.stage {
			sum += in(&t.Phases[i])
		}
	}
	return sum
}

// instead says what a bucket's time is spent on if it is mostly this part. It clears
// the other system, unless the pool's connections were busy with it.
func (p *ownPart) instead(t *breakdown.BucketTime) string {
	spent := p.spentOn(t, totalIn)
	if off := deprived(t); off != nil {
		return spent + " (" + deprivedBy(off.Cause) + ")"
	}
	if h := t.Culprit(); h != nil && h.Doing[0].Doing == t.Bucket {
		return spent
	}
	return "not in the " + t.Bucket.Info().Noun + " itself but " + spent
}

// mostly returns the part on the service's own side that holds at least half of a
// bucket, or nil if there is none.
func mostly(t *breakdown.BucketTime) *ownPart { return mostlyOf(t, total, totalIn) }

func mostlyOf(t *breakdown.BucketTime, of func(*breakdown.BucketTime) int64, in func(*breakdown.PhaseTime) int64) *ownPart {
	for i := range ownParts {
		if p := &ownParts[i]; p.time(t, in) > 0 && 2*p.time(t, in) >= of(t) {
			return p
		}
	}
	return nil
}

// A saving is what you would save in the mean if a bucket took no time, except on the
// service's own side, and how far off that figure may be. An error too small to matter
// is zero.
type saving struct {
	ns       int64 // mean wall time minus what it would be
	queued   int64 // up to this much more: requests wait elsewhere for one that is in this bucket
	pooled   int64 // up to this much more: requests wait in the pool for connections busy with it
	shadowed int64 // up to this much less: other calls run hidden beside it
	computed int64 // about this much more: the system's work is in cpu
	own      []ownTime
}

// An ownTime is the mean time of a part that would remain.
type ownTime struct {
	*ownPart
	mean int64
}

// savingOf computes the saving of a bucket. An error matters from a twentieth of the
// saving and half a percent of the wall time: below either, the figure is as good as
// printed.
func savingOf(e *breakdown.Endpoint, t *breakdown.BucketTime) saving {
	s := saving{ns: max(e.Wall.Mean-t.Ceiling, 0)}
	for i := range ownParts {
		if mean := ownParts[i].total(t) / max(e.Requests, 1); mean > 0 {
			s.own = append(s.own, ownTime{&ownParts[i], mean})
			s.ns = max(s.ns-mean, 0)
		}
	}
	s.ns = max(s.ns-explainedHere(t), 0)
	matters := func(ns int64) bool { return 20*ns >= s.ns && 200*ns >= e.Wall.Mean && ns > 0 }
	if queued := min(t.QueuedBehind, e.Wall.Mean-s.ns); matters(queued) {
		s.queued = queued
	}
	if pooled := (poolWait.total(t) - heldForOthers(t)) / max(e.Requests, 1); matters(pooled) {
		s.pooled = pooled
	}
	if shadowed := min(t.Shadowed, s.ns); matters(shadowed) {
		s.shadowed = shadowed
	}
	if l := computes(e); l != nil && l.Bucket == t.Bucket && matters(l.Estimate) {
		s.computed = l.Estimate
	}
	return s
}

// explainedHere returns how much of another system's mean time causes within the service
// explain, beside the phases on its own side.
func explainedHere(t *breakdown.BucketTime) int64 {
	rest := t.OwnSide
	for i := range t.Phases {
		if p := &t.Phases[i]; p.Phase.OwnSide() {
			rest -= p.Mean
		}
	}
	return max(rest, 0)
}

// heldForOthers returns the part of a bucket's pool wait in which the connections were
// held for work in other buckets. It would remain if this bucket took no time.
func heldForOthers(t *breakdown.BucketTime) int64 {
	sum := int64(0)
	for _, h := range t.Holders {
		if h.Doing != t.Bucket {
			sum += h.Total
		}
	}
	return min(sum, poolWait.total(t))
}

// left returns the mean wall time after the saving.
func (s saving) left(e *breakdown.Endpoint) int64 { return e.Wall.Mean - s.ns }

// reserves lists the ways in which the figure may be off by more than trifle ns.
func (s saving) reserves(unit scale, trifle int64) (list []string) {
	if s.queued > trifle {
		list = append(list, "up to "+unit.short(s.queued)+" more: others queue behind it")
	}
	if s.pooled > trifle {
		list = append(list, "up to "+unit.short(s.pooled)+" more: pool waits behind it")
	}
	if s.shadowed > trifle {
		list = append(list, "up to "+unit.short(s.shadowed)+" less: calls hide beside it")
	}
	return list
}

// sentence says what you would save: one figure if it holds, else a range and why. It
// adds what else depends on the bucket, and a notable part on the service's own side
// unless the sentence before has named it.
func (s saving) sentence(e *breakdown.Endpoint, t *breakdown.BucketTime, named *breakdown.BucketTime) string {
	return s.claim(e, t) + s.depends(scaleOf(e.Wall.Mean)) + s.stays(e, t, named) + "."
}

func (s saving) claim(e *breakdown.Endpoint, t *breakdown.BucketTime) string {
	scale := scaleOf(e.Wall.Mean)
	low, high := s.ns-s.shadowed, min(s.ns+s.computed, e.Wall.Mean)
	subject := free(t)
	switch {
	case 2000*high < e.Wall.Mean:
		return fmt.Sprintf("%s would save next to nothing (%s)", subject, scale.atLeastVisible(s.ns))
	case 2*s.ns >= e.Wall.Mean:
		subject = instant(t)
	}
	because := strings.Join(s.reasons(scale), ", and ")
	switch from := strings.TrimSuffix(scale.column(low), " "+scale.unit); {
	case because == "":
		return fmt.Sprintf("%s would save %s (%s)", subject, scale.column(s.ns), percent(ratio(s.ns, e.Wall.Mean)))
	case 2000*low < e.Wall.Mean:
		return fmt.Sprintf("%s would save at most %s (%s): %s", subject, scale.column(high), percent(ratio(high, e.Wall.Mean)), because)
	default:
		return fmt.Sprintf("%s would save %s to %s (%s to %s): %s",
			subject, from, scale.column(high), percent(ratio(low, e.Wall.Mean)), percent(ratio(high, e.Wall.Mean)), because)
	}
}

func (s saving) reasons(scale scale) (why []string) {
	if s.computed > 0 {
		why = append(why, "about "+scale.column(s.computed)+" of CPU is its work")
	}
	if s.shadowed > 0 {
		why = append(why, "up to "+scale.column(s.shadowed)+" of other calls run hidden beside it")
	}
	return why
}

// depends says for how long requests wait for others that are in the bucket. That is no
// time of the other system.
func (s saving) depends(scale scale) (text string) {
	if s.queued > 0 {
		text += "; requests queue behind it for another " + scale.column(s.queued)
	}
	if s.pooled > 0 {
		text += "; requests wait up to another " + scale.column(s.pooled) + " for connections that are busy with it"
	}
	return text
}

// stays names the notable parts that would remain however fast the other side is.
func (s saving) stays(e *breakdown.Endpoint, t, named *breakdown.BucketTime) string {
	text := ""
	var said *ownPart
	if named == t {
		said = mostly(t)
	}
	for _, own := range s.own {
		if own.stage == breakdown.Pooling {
			own.mean -= s.pooled
		}
		if own.ownPart != said && ratio(own.mean, e.Wall.Mean) >= notable {
			text += fmt.Sprintf("; another %s (%s) is spent %s", scaleOf(e.Wall.Mean).column(own.mean), percent(ratio(own.mean, e.Wall.Mean)), own.spentOn(t, totalIn))
		}
	}
	return text
}

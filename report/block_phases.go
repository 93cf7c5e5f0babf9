package report

import (
	"cmp"
	"fmt"
	"slices"

	"timesink/analyze/breakdown"
)

// phaseMark is what stands before a phase's name: what bars show it as, if that is not
// what they show the rest of the bucket as.
func phaseMark(p breakdown.Phase) string {
	if info := p.Info(); info.Distinct() {
		return info.Glyph + " "
	}
	return "  "
}

func phaseName(p breakdown.Phase) string {
	if p == breakdown.NoPhase {
		return "(no phase)"
	}
	return p.String()
}

// phases returns the phases worth a row, the longest first.
func (b *block) phases(t *breakdown.BucketTime) []breakdown.PhaseTime {
	var list []breakdown.PhaseTime
	if t.Bucket == breakdown.CPU && deprived(t) == nil {
		return nil // all of it on a core, as far as anything shows
	}
	for _, p := range t.Phases {
		least := ratio(b.of(t), b.whole) * 0.01
		if b.leavesOut(noTrifles) {
			least = detailed
		}
		if b.in(&p) > 0 && (b.verbose || ratio(b.in(&p), b.whole) >= least) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(x, y breakdown.PhaseTime) int { return cmp.Compare(b.in(&y), b.in(&x)) })
	return list
}

func (b *block) phaseNote(t *breakdown.BucketTime, p breakdown.Phase) []string {
	if p.Stage() == breakdown.Pooling {
		return b.holders(t)
	}
	text := b.remark(t, p)
	switch {
	case text == "":
		return nil
	case b.notes == 0:
		return []string{text}
	}
	return wrap(text, b.notes)
}

// remark says what a phase's name does not, "" if there is nothing to say.
func (b *block) remark(t *breakdown.BucketTime, p breakdown.Phase) string {
	if off := deprived(t); off != nil && p == breakdown.OffCPU {
		return b.estimate(off)
	}
	return b.dials(t, p)
}

// estimate says why running goroutines had no core, and how exact the figure is.
func (b *block) estimate(off *breakdown.PhaseTime) string {
	text := deprivedBy(off.Cause)
	if ci := off.MeanCI95; ci != nil && b.e.Requests > 0 {
		text += fmt.Sprintf("; estimated, %s to %s", b.scale.atLeastVisible(ci[0]), b.scale.atLeastVisible(ci[1]))
	}
	return text
}

// dials says how many of a bucket's calls dial. It returns "" for all phases but the
// one with most of the dialing.
func (b *block) dials(t *breakdown.BucketTime, p breakdown.Phase) string {
	i := slices.IndexFunc(b.phases(t), func(p breakdown.PhaseTime) bool { return p.Phase.Stage() == breakdown.Dialing })
	if i < 0 || b.phases(t)[i].Phase != p {
		return ""
	}
	switch dialed := t.DialPercent(); dialed {
	case 0:
		return ""
	case 100:
		return "every call dials a new connection"
	default:
		return fmt.Sprintf("%d%% of the calls dial a new connection", dialed)
	}
}

// ceiling draws a bucket's share, and adds the mean without the bucket and how far off

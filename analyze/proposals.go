package analyze

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
)

// A proposal returns the changes that a finding proposes, as the replay makes them, or none
// if its facts do not say where.
type proposal func(x *breakdown.Explanation, r *replay.Recording) []replay.Change

// proposals are the kinds of findings whose remedy the replay can make. What all others
// save is arithmetic.
var proposals = map[string]proposal{
	"sequential-calls":      atOnce,
	"many-queries":          atSite(replay.Once),
	"dial-per-call":         reused,
	"tls-per-call":          reused,
	"dns-per-call":          reused,
	"body-not-drained":      reused,
	"lock-contended":        atSite(replay.NoLock),
	"lock-held-across-call": atSite(replay.NoLock),
	"reader-behind-writer":  atSite(replay.NoLock),
	"pool-too-small":        pooled,
	"worker-queue":          enough(replay.Workers),
	"sleeping":              atLine(replay.Scale),
	"sync-file-write":       atLine(replay.Scale),
	"no-processor":          moreProcessors,
}

// atSite proposes a change at the function of the finding's site.
func atSite(kind replay.Kind) proposal {
	return func(x *breakdown.Explanation, _ *replay.Recording) []replay.Change {
		site := x.Facts.Frame(breakdown.FactSite)
		if site.Function == "" {
			return nil
		}
		return []replay.Change{{Kind: kind, Target: replay.At(site.Function)}}
	}
}

// atLine proposes a change at the line of the finding's site, so that what else the
// function does stays as it is.
func atLine(kind replay.Kind) proposal {
	return func(x *breakdown.Explanation, _ *replay.Recording) []replay.Change {
		site := x.Facts.Frame(breakdown.FactSite)
		if site.File == "" || site.Line == 0 {
			return nil
		}
		return []replay.Change{{Kind: kind, Target: replay.AtLine(site)}}
	}
}

// atOnce proposes to make calls at once: those of the function that makes them, or, of two
// systems, those of the function that calls both.
func atOnce(x *breakdown.Explanation, r *replay.Recording) []replay.Change {
	if changes := atSite(replay.Concurrent)(x, r); changes != nil {
		return changes
	}
	function := ""
	for _, f := range x.Facts {
		if f.Kind != breakdown.FactBucket || f.Function == "" {
			continue
		}
		if function != "" && function != f.Function {
			return nil
		}
		function = f.Function
	}
	if function == "" {
		return nil
	}
	return []replay.Change{{Kind: replay.Concurrent, Target: replay.At(function)}}
}

// reused proposes that the calls of the finding's bucket make no connections.
func reused(x *breakdown.Explanation, _ *replay.Recording) []replay.Change {
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(x.Facts.Name(breakdown.FactDialed))) != nil {
		return nil
	}
	return []replay.Change{{Kind: replay.Reuse, Target: replay.In(b)}}
}

// pooled proposes a connection for each request that there is at once.
func pooled(_ *breakdown.Explanation, r *replay.Recording) []replay.Change {
	return []replay.Change{{Kind: replay.Pool, Target: replay.In(breakdown.DB), Number: r.AtOnce()}}
}

// enough proposes as many of what requests wait for at the finding's site as there are
// requests at once.
func enough(kind replay.Kind) proposal {
	return func(x *breakdown.Explanation, r *replay.Recording) []replay.Change {
		changes := atSite(kind)(x, r)
		for i := range changes {
			changes[i].Number = r.AtOnce()
		}
		return changes
	}
}

// moreProcessors proposes twice as many.
func moreProcessors(_ *breakdown.Explanation, r *replay.Recording) []replay.Change {
	return []replay.Change{{Kind: replay.Procs, Number: 2 * r.Processors()}}
}

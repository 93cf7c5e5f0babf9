package diagnosis

import "timesink/analyze/breakdown"

// The slowest requests: what they do that the others do not.

// muchSlower is how many times as long as the others the slowest take, at least, to be
// worth a word.
const muchSlower = 2

// farSlower is how many times as long as the others the slowest take, at least, if they
// spend it where the others do. The slowest of calls that merely vary take less: the
// slowest 5% of exponential times five times as long as the others, 1% six times.
const farSlower = 10

// tailOfAnother finds that the slowest requests are slow for another reason than requests
// in the mean, or that they came together. It says nothing if they take less than twice as
// long as the others, if no bucket holds half of the difference, or if that bucket and the
// call site are those that hold most of the mean and the slowest do not take ten times as
// long there, or if they are the first requests.
func tailOfAnother(s *subject) *found {
	if s.Tail == nil {
		return nil
	}
	for _, t := range []struct {
		name string
		*breakdown.Slowest
	}{{"p99", s.Tail.P99}, {"p95", s.Tail.P95}} {
		if t.Slowest == nil || t.Mean < muchSlower*t.OthersMean || len(t.Buckets) == 0 {
			continue
		}
		if s.ColdStart.explains(t.Slowest) {
			return nil // a cause of its own
		}
		in := t.Buckets[0]
		differs := s.differs(t.Slowest)
		other := 2*in.Longer() >= t.Mean-t.OthersMean && in.Bucket != breakdown.Unknown && (differs || hangs(t.Slowest))
		if !other && t.Burst == nil {
			continue
		}
		facts := breakdown.Facts{{Kind: breakdown.FactTail, Name: t.name, Value: float64(t.Requests)}, {Kind: breakdown.FactTailFrom, Value: float64(t.From)},
			{Kind: breakdown.FactTailMean, Value: float64(t.Mean)}, {Kind: breakdown.FactOthersMean, Value: float64(t.OthersMean)}}
		if other {
			facts = append(facts, tailFacts(t.Slowest)...)
			if !differs {
				facts = append(facts, breakdown.Fact{Kind: breakdown.FactTailAlike, Name: in.Bucket.String(), Value: float64(t.Mean) / float64(max(t.OthersMean, 1))})
			}
		}
		if b := t.Burst; b != nil {
			facts = append(facts, breakdown.Fact{Kind: breakdown.FactBurst, Value: 100 * b.Share},
				breakdown.Fact{Kind: breakdown.FactBurstWithin, Value: float64(b.Within)},
				breakdown.Fact{Kind: breakdown.FactBurstStart, Value: float64(b.Start)},
				breakdown.Fact{Kind: breakdown.FactBurstTimes, Value: float64(b.Times)})
		}
		return &found{sure: breakdown.Likely, saves: -1, facts: facts, key: s.Name}
	}
	return nil
}

// differs reports whether what the slowest spend their extra time on is not what requests
// spend most time on.
func (s *subject) differs(t *breakdown.Slowest) bool {
	most := t.Buckets[0].Bucket
	for i := range s.Buckets {
		if s.Buckets[i].Mean > s.Buckets[most].Mean {
			return true
		}
	}
	sites := s.Buckets[most].Sites
	if len(t.Sites) == 0 || len(sites) == 0 {
		return false
	}
	x := t.Sites[0]
	return x.Bucket == most && 2*x.Longer() >= t.Mean-t.OthersMean && x.Frame != sites[0].Frame
}

// hangs reports whether one call site holds the slowest up for so much longer than the
// others that it is more than times that vary.
func hangs(t *breakdown.Slowest) bool {
	return t.Mean >= farSlower*t.OthersMean && len(t.Sites) > 0 && t.Sites[0].Bucket == t.Buckets[0].Bucket && 2*t.Sites[0].Longer() >= t.Mean-t.OthersMean
}

// tailFacts returns where the slowest spend their extra time, and behind whom.
func tailFacts(t *breakdown.Slowest) breakdown.Facts {
	in := t.Buckets[0]
	list := breakdown.Facts{{Kind: breakdown.FactTailIn, Name: in.Bucket.String(), Value: float64(in.Mean)}, {Kind: breakdown.FactOthersIn, Name: in.Bucket.String(), Value: float64(in.OthersMean)}}
	for _, x := range t.Sites {
		if x.Bucket == in.Bucket && 2*x.Longer() >= in.Longer() {
			list = append(list, breakdown.Fact{Kind: breakdown.FactSite, Place: breakdown.Place(x.Frame)})
			break
		}
	}
	for _, h := range t.Holders {
		if h.Bucket == in.Bucket && 2*h.Longer() >= in.Longer() {
			list = append(list, breakdown.Fact{Kind: breakdown.FactHolder, Place: breakdown.Place(h.Frame), Value: float64(h.Mean)},
				breakdown.Fact{Kind: breakdown.FactHolderDoing, Place: breakdown.Place(h.Frame), Name: h.Doing.String(), Value: float64(h.Mean)})
			break
		}
	}
	return list
}

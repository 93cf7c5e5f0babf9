package breakdown

import "fmt"

// Check returns an error if an identity that the JSON format promises does not hold:
// each endpoint has all buckets, in order, and they sum to its wall time; phases and
// sites, if a bucket has them, sum to their bucket.
func (b *Breakdown) Check() error {
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if err := checkBuckets(e.Buckets, e.Wall.Total); err != nil {
			return fmt.Errorf("endpoint %s: %w", e.Name, err)
		}
		if sum := e.Known + e.Inferred; sum != e.Requests && sum != 0 { // reports of earlier versions have neither
			return fmt.Errorf("endpoint %s: %d requests are known and %d inferred of %d", e.Name, e.Known, e.Inferred, e.Requests)
		}
		incomplete := int64(0)
		for _, t := range e.Buckets {
			incomplete += t.IncompleteTotal
		}
		if incomplete != e.IncompleteTime {
			return fmt.Errorf("endpoint %s: buckets of incomplete requests sum to %d ns of %d", e.Name, incomplete, e.IncompleteTime)
		}
	}
	for _, r := range b.Roots {
		if err := checkBuckets(r.Buckets, r.Wall); err != nil {
			return fmt.Errorf("goroutines of %s: %w", r.Function, err)
		}
	}
	return b.checkSpread()
}

// checkSpread checks that what the instances contribute sums to their endpoint, and that
// the parts of a difference sum to it.
func (b *Breakdown) checkSpread() error {
	if b.Spread == nil {
		return nil
	}
	for i := range b.Spread.Endpoints {
		s := &b.Spread.Endpoints[i]
		for k := range b.Endpoints {
			if e := &b.Endpoints[k]; e.Name == s.Name && e.Kind == s.Kind && e.Route == s.Route {
				if err := s.check(e); err != nil {
					return fmt.Errorf("instances of endpoint %s: %w", e.Name, err)
				}
			}
		}
	}
	for i := range b.Odd {
		if err := b.Odd[i].check(); err != nil {
			return fmt.Errorf("odd instance %s: %w", b.Odd[i].Name, err)
		}
	}
	for i := range b.Spread.Groups {
		if err := b.Spread.Groups[i].check(); err != nil {
			return fmt.Errorf("group %s=%s: %w", b.Spread.Groups[i].Label, b.Spread.Groups[i].Value, err)
		}
	}
	return nil
}

func (s *EndpointSpread) check(e *Endpoint) error {
	requests, wall, buckets := int64(0), int64(0), [NumBuckets]int64{}
	for i := range s.Parts {
		p := &s.Parts[i]
		requests, wall = requests+p.Requests, wall+p.Wall
		for k, t := range p.Buckets {
			buckets[k] += t
		}
	}
	if requests != e.Requests || wall != e.Wall.Total {
		return fmt.Errorf("they sum to %d requests and %d ns, not %d and %d", requests, wall, e.Requests, e.Wall.Total)
	}
	for k, t := range buckets {
		if t != e.Buckets[k].Total {
			return fmt.Errorf("bucket %s sums to %d ns of %d", Bucket(k), t, e.Buckets[k].Total)
		}
	}
	return nil
}

func (d *Difference) check() error {
	sum := int64(0)
	for i := range d.Buckets {
		b := &d.Buckets[i]
		sum += b.Delta
		phases, sites, parts := int64(0), int64(0), int64(0)
		for _, p := range b.Phases {
			phases += p.Delta
		}
		for _, p := range b.Sites {
			sites += p.Delta
		}
		for _, p := range b.Parts {
			parts += p.Delta
		}
		if len(b.Phases) > 0 && phases != b.Delta || len(b.Sites) > 0 && sites != b.Delta || len(b.Parts) > 0 && parts != b.Delta {
			return fmt.Errorf("the parts of %s sum to %d, %d and %d ns of %d", b.Bucket, phases, sites, parts, b.Delta)
		}
	}
	if sum != d.Delta {
		return fmt.Errorf("the buckets sum to %d ns of %d", sum, d.Delta)
	}
	return nil
}

func checkBuckets(buckets []BucketTime, wall int64) error {
	if len(buckets) != int(NumBuckets) {
		return fmt.Errorf("%d buckets, not %d", len(buckets), NumBuckets)
	}
	sum := int64(0)
	for i, t := range buckets {
		if t.Bucket != Bucket(i) {
			return fmt.Errorf("bucket %s stands at place %d", t.Bucket, i)
		}
		if t.Total < 0 {
			return fmt.Errorf("bucket %s is negative: %d ns", t.Bucket, t.Total)
		}
		sum += t.Total
		if err := checkParts(t); err != nil {
			return fmt.Errorf("bucket %s: %w", t.Bucket, err)
		}
	}
	if sum != wall {
		return fmt.Errorf("buckets sum to %d ns, the wall time is %d", sum, wall)
	}
	return nil
}

func checkParts(t BucketTime) error {
	phases, sites, incomplete := int64(0), int64(0), int64(0)
	for _, p := range t.Phases {
		phases += p.Total
		incomplete += p.IncompleteTotal
	}
	for _, s := range t.Sites {
		sites += s.Total
	}
	if len(t.Phases) > 0 && phases != t.Total {
		return fmt.Errorf("phases sum to %d ns of %d", phases, t.Total)
	}
	if incomplete > t.IncompleteTotal {
		return fmt.Errorf("phases of incomplete requests sum to %d ns of %d", incomplete, t.IncompleteTotal)
	}
	if len(t.Sites) > 0 && sites != t.Total {
		return fmt.Errorf("sites sum to %d ns of %d", sites, t.Total)
	}
	sites = 0
	for _, s := range t.IncompleteSites {
		sites += s.Total
	}
	if len(t.IncompleteSites) > 0 && sites != t.IncompleteTotal {
		return fmt.Errorf("sites of incomplete requests sum to %d ns of %d", sites, t.IncompleteTotal)
	}
	return nil
}

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
	return nil
}

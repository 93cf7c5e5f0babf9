package diagnosis

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
)

// Timers: what requests sleep for.

// A Sleep is time that requests wait for timers at one place.
type Sleep struct {
	Site breakdown.Frame // in the service's code
	// Library is whose timer it is, "" for the service's own. Purpose is what the library
	// waits for.
	Library string
	Purpose breakdown.Purpose
	// Called is the function that waits there: "time.Sleep", or one of a library.
	Called string
	Time   int64 // ns per request
	// Retried is the part of Time that lies between two calls from Again, the second of
	// which repeats the first: the service itself waits before it asks again, in some
	// requests more often than in others. A loop that waits as often in each request
	// spreads its calls over time.
	Retried int64
	Again   breakdown.Frame
}

// slept returns the facts of sleeps at one or more places, the longest first, and their
// time. It returns the library and the place of the longest as key.
func slept(list []Sleep) (facts breakdown.Facts, ns int64, key string) {
	slices.SortStableFunc(list, func(x, y Sleep) int { return cmp.Compare(y.Time, x.Time) })
	for i := range list {
		ns += list[i].Time
	}
	facts = append(breakdown.Facts{spent(ns)}, at(list[0].Site)...)
	if list[0].Library != "" {
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactLibrary, Name: list[0].Library})
	}
	if list[0].Called != "" {
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactWaitsIn, Place: breakdown.Place{Function: list[0].Called}})
	}
	return facts, ns, list[0].Library + " " + list[0].Site.Function
}

// sleeps returns the endpoint's sleeps for a purpose, one for each library: only the
// library with the most of them counts, since each is a cause of its own.
func (s *subject) sleeps(p breakdown.Purpose) (list []Sleep) {
	sums, most := map[string]int64{}, ""
	for _, sleep := range s.Sleeps {
		if sleep.Purpose == p && sleep.Library != "" {
			sums[sleep.Library] += sleep.Time
		}
	}
	for library, ns := range sums {
		if most == "" || ns > sums[most] || ns == sums[most] && library < most {
			most = library
		}
	}
	for _, sleep := range s.Sleeps {
		if sleep.Purpose == p && sleep.Library == most && most != "" {
			list = append(list, sleep)
		}
	}
	return list
}

// retries finds time in which a library, or the service itself, waits before it asks
// again.
func retries(s *subject) *found {
	list, sure := s.sleeps(breakdown.BackOff), breakdown.Certain
	var own []Sleep
	for _, sleep := range s.Sleeps {
		if sleep.Retried > 0 {
			again := sleep
			again.Time = sleep.Retried
			own = append(own, again)
		}
	}
	if total(own) > total(list) {
		list, sure = own, breakdown.Likely // such a loop may still wait for something else
	}
	if !s.worth(total(list)) {
		return nil
	}
	facts, ns, key := slept(list)
	if list[0].Library == "" && list[0].Again != list[0].Site {
		facts = append(facts, breakdown.Fact{Kind: breakdown.FactAgain, Place: breakdown.Place(list[0].Again)})
	}
	return &found{sure: sure, claims: []claim{{bucket: breakdown.Sleep, ns: ns}}, saves: ns, key: key, facts: facts}
}

func total(list []Sleep) (ns int64) {
	for i := range list {
		ns += list[i].Time
	}
	return ns
}

// rateLimiter finds time in which requests wait for a library that keeps the service to a
// rate.
func rateLimiter(s *subject) *found {
	list := s.sleeps(breakdown.Limiting)
	if !s.worth(total(list)) {
		return nil
	}
	facts, ns, _ := slept(list)
	// Endpoints that wait for one library are one cause: they may share its limiter.
	return &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.Sleep, ns: ns}}, saves: ns, key: list[0].Library, facts: facts}
}

// sleeping finds time in which requests wait for timers of the service's own, or of
// libraries that nothing more is known of. Services wait on purpose, so it is silent unless
// they do so for the largest part of the time.
func sleeping(s *subject) *found {
	var list []Sleep
	for _, sleep := range s.Sleeps {
		if sleep.Purpose == breakdown.NoPurpose {
			sleep.Time -= sleep.Retried
			list = append(list, sleep)
		}
	}
	behind := claim{bucket: breakdown.Wait} // that others are waited for first, which sleep as well
	if s.idlesBetweenBatches() {
		behind = s.whole(breakdown.Wait)
	}
	all := total(list) + behind.ns
	longer := func(t breakdown.BucketTime) bool { return t.Bucket != breakdown.Sleep && t.Mean > all }
	if len(list) == 0 || !s.worth(all) || slices.ContainsFunc(s.Buckets, longer) {
		return nil
	}
	facts, ns, key := slept(list)
	facts[0] = spent(all)
	sure := breakdown.Likely // a select may wait for something else, and end by its timer
	if list[0].Called == "time.Sleep" {
		sure = breakdown.Certain
	}
	return &found{sure: sure, claims: []claim{{bucket: breakdown.Sleep, ns: ns}, behind}, saves: -1, key: key, facts: facts}
}

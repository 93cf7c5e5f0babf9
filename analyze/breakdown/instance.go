package breakdown

import "time"

// An Instance is one of the captures that a Breakdown was made from, as an instance of
// the service. Times are in nanoseconds.
type Instance struct {
	// Name is unique among the instances: a pod's name, or host:port.
	Name       string     `json:"name"`
	Target     string     `json:"target,omitempty"`
	Labels     []Label    `json:"labels"` // sorted by name
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	GoVersion  string     `json:"go_version,omitempty"`
	BuildID    string     `json:"build_id,omitempty"` // of the executable
	GOMAXPROCS int        `json:"gomaxprocs,omitempty"`
	Covered    int64      `json:"covered_ns"` // of its window
	// Requests and Wall are the sums over its complete requests to all endpoints.
	Requests int64 `json:"requests"`
	Wall     int64 `json:"wall_ns"`
	// Rate is that of complete requests, Concurrency the mean number of them in progress
	// at once, Saturated the share of the window in which every processor was busy.
	Rate        float64 `json:"requests_per_second"`
	Concurrency float64 `json:"requests_at_once"`
	Saturated   float64 `json:"saturated"`
	// OffCore is the share of the running time that CPU samples do not account for. It is
	// nil if there are no samples.
	OffCore *float64 `json:"off_core,omitempty"`
}

// A Label is a property of an instance: version, zone, node.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Label returns the value of a label, "" if the instance does not have it.
func (i *Instance) Label(name string) string {
	for _, l := range i.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// A Spread is how the instances differ. What differs by chance alone is not odd: the
// tests allow for how requests of one instance differ, by blocks of consecutive requests,
// and for how instances differ anyway.
type Spread struct {
	// Alpha is the probability that any instance is called odd in any endpoint and bucket
	// by chance, all Tests together; Tests counts instances, endpoints and buckets.
	Alpha float64 `json:"alpha"`
	Tests int     `json:"tests"`
	// Least is the smallest difference worth naming: a share of the other instances' mean
	// wall time.
	Least float64 `json:"least_share"`
	// Endpoints are those of the Breakdown that at least two instances serve, in its
	// order.
	Endpoints []EndpointSpread `json:"endpoints"`
	// Groups are the instances with one value of a label, compared with the others.
	Groups []Group `json:"groups"`
}

// An EndpointSpread is how the instances differ in one endpoint.
type EndpointSpread struct {
	Name  string `json:"endpoint"`
	Route string `json:"route,omitempty"`
	Kind  string `json:"kind,omitempty"`
	// Parts are what each instance contributes. They sum to the endpoint's exactly.
	Parts []InstancePart `json:"parts"`
	// Wall is the range of the mean wall times, Buckets that of each bucket's mean.
	Wall    Range         `json:"wall"`
	Buckets []BucketRange `json:"buckets"`
}

// An InstancePart is what one instance contributes to an endpoint.
type InstancePart struct {
	Instance int               `json:"instance"` // its index
	Requests int64             `json:"requests"` // complete ones
	Wall     int64             `json:"wall_ns"`  // their sum
	Buckets  [NumBuckets]int64 `json:"buckets_ns"`
	// Few is set if it has too few requests to be compared.
	Few bool `json:"few,omitempty"`
}

// A Range is how a mean differs between instances, in nanoseconds. Those with too few
// requests do not count.
type Range struct {
	Least  int64 `json:"least_ns"`
	Median int64 `json:"median_ns"`
	Most   int64 `json:"most_ns"`
	// Between is the standard deviation of the instances' means, estimated from their
	// median absolute deviation. Noise is what the requests of an instance alone suggest
	// for it.
	Between int64 `json:"between_ns"`
	Noise   int64 `json:"noise_ns"`
}

// A BucketRange is the Range of one bucket's mean.
type BucketRange struct {
	Bucket Bucket `json:"bucket"`
	Range
}

// An Odd instance differs from the others in an endpoint by more than chance explains.
type Odd struct {
	Instance int    `json:"instance"` // its index
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	Route    string `json:"route,omitempty"`
	Difference
	// P is the probability of a difference this large by chance in any of the tests.
	P float64 `json:"p"`
	// Differs is what else sets the instance apart.
	Differs []Distinction `json:"differs"`
}

// A Difference is by how much some instances' requests differ from those of others that
// are not odd. Means are per request, in nanoseconds.
type Difference struct {
	Requests int64 `json:"requests"`
	Mean     int64 `json:"mean_ns"`
	Others   int64 `json:"others_ns"`
	Delta    int64 `json:"delta_ns"` // Mean - Others
	// Buckets are those that differ, the largest difference first. All of them sum to
	// Delta.
	Buckets []BucketDifference `json:"buckets"`
}

// A BucketDifference is one bucket's part of a Difference.
type BucketDifference struct {
	Bucket Bucket `json:"bucket"`
	Mean   int64  `json:"mean_ns"`
	Others int64  `json:"others_ns"`
	Delta  int64  `json:"delta_ns"`
	// Odd is set if a test found this bucket odd.
	Odd bool `json:"odd"`
	// Phases, Sites and Parts explain Delta, as those of a BucketChange. Each sums to it,
	// unless it is empty.
	Phases []PhaseDifference `json:"phases"`
	Sites  []SiteChange      `json:"sites"`
	Parts  []PartChange      `json:"parts"`
}

// A PhaseDifference is one phase's part of a BucketDifference.
type PhaseDifference struct {
	Phase  Phase `json:"phase"`
	Mean   int64 `json:"mean_ns"`
	Others int64 `json:"others_ns"`
	Delta  int64 `json:"delta_ns"`
}

// A Distinction is a property that sets an instance apart: the others have one value,
// and it has another.
type Distinction struct {
	// What is "go", "build", "gomaxprocs" or "label NAME"; or, as a Disturbance names it,
	// "neighbors" for the share of the running time without a core, and "processors" for
	// the share of the window in which all processors were busy: then Others is the largest
	// of the other instances'.
	What   string `json:"what"`
	Value  string `json:"value"`
	Others string `json:"others"`
}

// A Group is the instances with one value of a label, compared with all others: as when a
// canary is compared with its baseline. The unit of the test is the instance.
type Group struct {
	Label     string `json:"label"`
	Value     string `json:"value"`
	Instances int    `json:"instances"`
	Against   int    `json:"others"` // the number of other instances
	Endpoint  string `json:"endpoint"`
	Route     string `json:"route,omitempty"`
	Difference
	// Low and High bound the difference between the mean of the instances' means and that
	// of the others, at a confidence of 95%. They are 0 if two instances are all there
	// are.
	Low  int64 `json:"low_ns"`
	High int64 `json:"high_ns"`
	// P is the probability of a difference this large by chance in any of the groups and
	// endpoints, 1 if that cannot be told.
	P           float64 `json:"p"`
	Significant bool    `json:"significant"`
}

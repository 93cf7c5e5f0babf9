package breakdown

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A Detail is what reports draw for an endpoint beyond its sums. It is collected only
// if asked for, and is not part of the JSON schema.
type Detail struct {
	// Bars are the complete requests by wall time, the shortest first. Bars without
	// requests are left out.
	Bars []Bar
	// Slowest is the complete request with the longest wall time.
	Slowest RequestID
	// Stacks are the complete requests' wall time by stack, the most first. They sum to
	// it.
	Stacks []StackTime
	// Samples are the CPU samples of the requests' goroutines by stack, the most first.
	Samples []SampleStack
	// Probed are the requests that answered a probe, in the order of the probes.
	Probed []Probed
}

// A Bar is the requests whose wall time lies in [Low, High], in nanoseconds. All
// endpoints share the same bounds. Each is 2^(1/16) times the one before, so that the
// bars have equal width on a logarithmic scale.
type Bar struct {
	Low, High int64
	Requests  int64
	Buckets   [NumBuckets]int64 // their time in each, ns
	Distinct  [NumBuckets]int64 // the part of it in phases with a color of their own
	// Example is one of them, chosen at random but reproducibly.
	Example RequestID
}

// A StackTime is the number of segments of one bucket and phase with the same cause,
// and their time in nanoseconds.
type StackTime struct {
	Bucket Bucket
	Phase  Phase
	Cause  *Cause
	Time   int64
	Count  int64
}

// A SampleStack is the number of CPU samples of one stack.
type SampleStack struct {
	Stack   []Frame // leaf first
	Samples int64
}

// Probed is a request that answered a probe.
type Probed struct {
	ID   RequestID
	Wall int64 // ns, the request's
	View ClientView
}

// A ClientView is one request as its client saw it: phases, one after another, from
// Start on. Start is on the trace's clock. Times are in nanoseconds.
type ClientView struct {
	Start  int64
	Phases []ClientPhase // without those that took no time; Mean is the time
}

// Wall returns how long the client waited, in nanoseconds.
func (v *ClientView) Wall() int64 {
	sum := int64(0)
	for _, p := range v.Phases {
		sum += p.Mean
	}
	return sum
}

// A Specimen is one request, to be shown by itself.
type Specimen struct {
	ID      RequestID
	Request Request
	Client  *ClientView // nil unless a probe sent the request
}

// A RequestID identifies a request among all captures analyzed together. A goroutine
// serves one request at a time, so its start is unique.
type RequestID struct {
	Capture   int // index of the capture, from 0
	Goroutine int64
	Start     int64 // ns, trace clock
}

// MarshalText encodes the ID as String does.
func (id RequestID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText decodes what MarshalText wrote.
func (id *RequestID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseRequestID(string(text))
	return err
}

// String returns the ID as used on the command line: "g18-1234567890", or
// "c2-g18-1234567890" in the second capture.
func (id RequestID) String() string {
	text := fmt.Sprintf("g%d-%d", id.Goroutine, id.Start)
	if id.Capture > 0 {
		text = fmt.Sprintf("c%d-", id.Capture+1) + text
	}
	return text
}

// ParseRequestID parses the form that String returns.
func ParseRequestID(text string) (RequestID, error) {
	fail := fmt.Errorf("%q is not a request ID such as g18-1234567890", text)
	parts := strings.Split(text, "-")
	id := RequestID{}
	if rest, ok := strings.CutPrefix(parts[0], "c"); ok {
		n, err := strconv.Atoi(rest)
		if err != nil || n < 2 {
			return id, fail
		}
		id.Capture, parts = n-1, parts[1:]
	}
	if len(parts) != 2 || !strings.HasPrefix(parts[0], "g") {
		return id, fail
	}
	var errG, errStart error
	id.Goroutine, errG = strconv.ParseInt(parts[0][1:], 10, 64)
	id.Start, errStart = strconv.ParseInt(parts[1], 10, 64)
	if errG != nil || errStart != nil {
		return id, fail
	}
	return id, nil
}

// Compare orders requests by capture, start and goroutine, as cmp.Compare does.
func (id RequestID) Compare(o RequestID) int {
	return cmp.Or(cmp.Compare(id.Capture, o.Capture), cmp.Compare(id.Start, o.Start), cmp.Compare(id.Goroutine, o.Goroutine))
}

// An Example is a request that stands for others of its endpoint.
type Example struct {
	// Which is "slowest", or "p50", "p95" or "p99" for one of about that wall time.
	Which string    `json:"which"`
	ID    RequestID `json:"id"`
}

// Whiches returns the names that Find knows, in the order of Examples.
func Whiches() []string { return []string{"slowest", "p99", "p95", "p50"} }

// Examples returns the requests that Find knows by name, the longest first. It returns
// none if the endpoint has no detail or no complete requests.
func (e *Endpoint) Examples() []Example {
	if e.Detail == nil || len(e.Detail.Bars) == 0 {
		return nil
	}
	return []Example{
		{"slowest", e.Detail.Slowest},
		{"p99", e.Detail.At(e.Wall.P99).Example},
		{"p95", e.Detail.At(e.Wall.P95).Example},
		{"p50", e.Detail.At(e.Wall.P50).Example},
	}
}

// Find returns the request that which names: an ID, or one of the endpoint with the
// most request time: "slowest", or for "p50", "p95" and "p99" an example of about that
// wall time. b must have been made with detail.
func (b *Breakdown) Find(which string) (RequestID, error) {
	if id, err := ParseRequestID(which); err == nil {
		return id, nil
	}
	if !slices.Contains(Whiches(), which) {
		return RequestID{}, fmt.Errorf("%q is not a request: use slowest, p50, p95, p99 or an ID such as g18-1234567890", which)
	}
	for i := range b.Endpoints {
		for _, x := range b.Endpoints[i].Examples() {
			if x.Which == which {
				return x.ID, nil
			}
		}
	}
	return RequestID{}, errNoRequest
}

// errNoRequest is what Find returns if there are no complete requests.
var errNoRequest = errors.New("no request began and ended within the window")

// barSteps are 2^(0/16) to 2^(15/16) in units of 2^-32. They are integers so that a
// request falls into the same bar on every machine.
var barSteps = [...]int64{
	0x100000000, 0x10b5586cf, 0x1172b83c7, 0x12387a6e7,
	0x1306fe0a3, 0x13dea64c1, 0x14bfdad53, 0x15ab07dd4,
	0x16a09e667, 0x17a11473e, 0x18ace5422, 0x19c49182a,
	0x1ae89f995, 0x1c199bdd8, 0x1d5818dcf, 0x1ea4afa2a,
}

// barLow returns the lower bound of bar i, in ns.
func barLow(i int) int64 {
	power, step := i/len(barSteps), barSteps[i%len(barSteps)]
	switch {
	case i == 0:
		return 0
	case power <= 32:
		return (step + 1<<(32-power) - 1) >> (32 - power)
	case power < 62:
		return step << (power - 32)
	}
	return math.MaxInt64
}

// barOf returns the index of the bar for a time.
func barOf(ns int64) int {
	if ns < 1 {
		return 0
	}
	first := (bits.Len64(uint64(ns)) - 1) * len(barSteps)
	return first + sort.Search(len(barSteps)-1, func(i int) bool { return barLow(first+i+1) > ns })
}

// Bars count requests by wall time. One Bars takes the requests of several captures, in
// any order. The zero value is empty and ready to use.
type Bars struct {
	// rows each hold the bars of one power of two. They are allocated as needed.
	rows []*barRow
	made int
}

type barRow [len(barSteps)]barSum

type barSum struct {
	Bar
	rank uint64 // of the example: the lowest is kept
}

// at returns the sums of a bar.
func (b *Bars) at(step int) *barSum {
	i := step / len(barSteps)
	if i >= len(b.rows) {
		b.rows = append(b.rows, make([]*barRow, i+1-len(b.rows))...)
	}
	if b.rows[i] == nil {
		b.rows[i] = new(barRow)
		b.made++
	}
	return &b.rows[i][step%len(barSteps)]
}

// Add counts a request; spent is its time in each bucket. Times are in nanoseconds.
func (b *Bars) Add(id RequestID, wall int64, spent *[NumBuckets]int64) {
	s := b.at(barOf(wall))
	if rank := id.rank(); s.Requests == 0 || rank < s.rank || rank == s.rank && id.Compare(s.Example) < 0 {
		s.rank, s.Example = rank, id
	}
	s.Requests++
	for k, t := range spent {
		s.Buckets[k] += t
	}
}

// AddDistinct adds the time that a request of that wall time spent in phases with a color
// of their own, by bucket. The request must have been added.
func (b *Bars) AddDistinct(wall int64, distinct *[NumBuckets]int64) {
	s := b.at(barOf(wall))
	for k, t := range distinct {
		s.Distinct[k] += t
	}
}

// Merge adds the counts of o, which it does not change.
func (b *Bars) Merge(o *Bars) {
	for i, from := range o.each {
		to := b.at(i)
		if to.Requests == 0 || from.rank < to.rank || from.rank == to.rank && from.Example.Compare(to.Example) < 0 {
			to.rank, to.Example = from.rank, from.Example
		}
		to.Requests += from.Requests
		for k, t := range from.Buckets {
			to.Buckets[k] += t
			to.Distinct[k] += from.Distinct[k]
		}
	}
}

// each yields the bars with requests, the shortest first.
func (b *Bars) each(yield func(int, *barSum) bool) {
	for r, row := range b.rows {
		if row == nil {
			continue
		}
		for i := range row {
			if row[i].Requests > 0 && !yield(r*len(barSteps)+i, &row[i]) {
				return
			}
		}
	}
}

// List returns the bars with requests, the shortest first.
func (b *Bars) List() []Bar {
	var list []Bar
	for i, s := range b.each {
		s.Low, s.High = barLow(i), barLow(i+1)-1
		list = append(list, s.Bar)
	}
	return list
}

// Size returns an estimate of the bars' memory, in bytes.
func (b *Bars) Size() int64 {
	return int64(b.made) * int64(len(barSteps)) * (2*int64(NumBuckets)*8 + 64)
}

// rank orders requests at random but reproducibly (splitmix64, by Sebastiano Vigna).
func (id RequestID) rank() uint64 {
	x := uint64(id.Start)*0x9e3779b97f4a7c15 ^ uint64(id.Goroutine)<<20 ^ uint64(id.Capture)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// At returns the bar for a wall time, or the nearest one. It returns nil if there are
// no bars.
func (d *Detail) At(wall int64) *Bar {
	i, _ := slices.BinarySearchFunc(d.Bars, wall, func(b Bar, w int64) int { return cmp.Compare(b.High, w) })
	switch {
	case len(d.Bars) == 0:
		return nil
	case i == len(d.Bars), i > 0 && wall < d.Bars[i].Low && wall-d.Bars[i-1].High < d.Bars[i].Low-wall:
		i--
	}
	return &d.Bars[max(i, 0)]
}

package breakdown

// ABSchema names the JSON encoding of AB.
const ABSchema = "timesink.ab/1"

// An AB is what a sequence of pairs of captures says about two builds: one of each build
// in every pair, at once or one after the other in random order.
type AB struct {
	Schema string `json:"schema"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Verdict is about all quantities together.
	Verdict Verdict `json:"verdict"`
	// Alpha is the probability of a wrong verdict that the test allows, whenever it is
	// looked at. Margin is by how much the candidate may be slower, relative to the
	// baseline, and still count as equivalent.
	Alpha  float64 `json:"alpha"`
	Margin float64 `json:"margin"`
	Pairs  int     `json:"pairs"`
	// Endpoint and Route are those that the verdict is about, "" if there was none yet.
	Endpoint   string       `json:"endpoint"`
	Route      string       `json:"route,omitempty"`
	Quantities []ABQuantity `json:"quantities"`
	// Stopped is why no more captures were taken: "decided", "budget" or "interrupted". Of
	// recorded ones, it is "all-read" if there are no more.
	Stopped string `json:"stopped"`
	// AtOnce is set if the captures of a pair were taken at once. Otherwise Seed is that
	// of their order.
	AtOnce bool `json:"at_once"`
	// Recorded is set if the captures were taken before, and not for this.
	Recorded bool   `json:"recorded,omitempty"`
	Seed     uint64 `json:"seed,omitempty"`
	// Folder is where the captures are.
	Folder string `json:"folder,omitempty"`
	// Disturbances are likelier causes of a difference than the build.
	Disturbances []Disturbance `json:"disturbances"`
	Warnings     []Warning     `json:"warnings"`
}

// A Verdict compares the candidate with the baseline.
type Verdict string

// The verdicts.
const (
	Slower     Verdict = "slower"
	Faster     Verdict = "faster"
	Equivalent Verdict = "equivalent" // not slower by more than the margin
	Undecided  Verdict = "undecided"
)

// An ABQuantity is what the pairs say about one quantity of the wall time.
type ABQuantity struct {
	Quantity string  `json:"quantity"` // "mean", "p95" …
	Verdict  Verdict `json:"verdict"`
	// Before and After are the medians of the captures, in ns.
	Before int64 `json:"before_ns"`
	After  int64 `json:"after_ns"`
	// Relative is the difference within a pair, relative to the baseline: its median. Low
	// and High bound it at 1 - Alpha, all quantities and all looks counted. They are nil
	// as long as nothing bounds it.
	Relative float64  `json:"relative"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	// Spread is the standard deviation between captures of one build, relative to their
	// mean. Floor is the noise floor: by how much the two captures of a pair typically
	// differ beside the difference of the builds (the median).
	Spread float64 `json:"spread"`
	Floor  float64 `json:"noise_floor"`
	// Needs is about how many pairs it takes in all to decide, 0 if that is decided or
	// cannot be told.
	Needs int `json:"needs_pairs"`
}

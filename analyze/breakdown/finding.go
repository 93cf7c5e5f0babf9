package breakdown

// An Explanation is a cause of request time as the diagnosis found it; JSON lists it
// among the causes. It holds facts and no sentences, except that a report fills in
// Confirm.
type Explanation struct {
	ID         string     `json:"id"` // of the catalogue: "dial-per-call", "sequential-calls" …
	Confidence Confidence `json:"confidence"`
	// Endpoints are the names of those that it slows down, the one with most of the time
	// first. It is empty if the cause is not about requests that were served.
	Endpoints []string `json:"endpoints"`
	// Explains is how much of a request's wall time it accounts for, and Saves the most
	// that a request could save: means over the complete requests of Endpoints, in ns; if
	// there are none, or the cause is that requests stand still, over those cut by the
	// window's edges that it is about. Savings of several causes do
	// not add up where SharesWith names another one.
	Explains int64 `json:"explains_ns"`
	Saves    int64 `json:"saves_ns"`
	// SavesBy says how Saves came about, "" if that is not known. Forecast is what the
	// replay gives for the first of Endpoints; it is nil unless SavesBy is ByReplay.
	SavesBy    SavesBy   `json:"saves_by,omitempty"`
	Forecast   *Forecast `json:"forecast,omitempty"`
	SharesWith []string  `json:"shares_with,omitempty"`
	Facts      Facts     `json:"facts"`
	// Confirm is what would confirm or refute it. A report sets it.
	Confirm string `json:"confirm"`
	// Shown is set if it accounts for enough to be a finding.
	Shown bool `json:"-"`
}

// A Confidence says how sure a cause is.
type Confidence string

const (
	// Certain: what was recorded admits no other cause.
	Certain Confidence = "certain"
	// Likely: other causes would have to imitate what was recorded.
	Likely Confidence = "likely"
	// Possible: it fits what was recorded, and so may others.
	Possible Confidence = "possible"
)

// A Conclusion is the answer in the end: the sentences that the first screen ends with, and
// beside them the cause that accounts for most of the time.
type Conclusion struct {
	Cause string `json:"cause"` // an ID, "" if no cause accounts for enough
	Text  string `json:"text"`  // a report sets it
}

// A Finding is a cause in words. Analysis sets ID, Endpoint and what is numbers, and a
// report writes Title, Evidence and Try from Facts. A finding that was read from JSON
// keeps its words.
type Finding struct {
	ID         string     `json:"id"` // of the Explanation
	Confidence Confidence `json:"confidence"`
	// Endpoint is the first of Endpoints, "" if there is none.
	Endpoint  string   `json:"endpoint"`
	Endpoints []string `json:"endpoints"`
	Title     string   `json:"title"`
	Evidence  []string `json:"evidence"`
	// SavesUpTo is the most that a request could save: a bound, not a promise.
	SavesUpTo int64 `json:"saves_up_to_ns"`
	// SavesBy and Forecast are those of the Explanation.
	SavesBy    SavesBy   `json:"saves_by,omitempty"`
	Forecast   *Forecast `json:"forecast,omitempty"`
	SharesWith []string  `json:"shares_with,omitempty"`
	Try        string    `json:"try"`
	Facts      Facts     `json:"facts"`
}

// Finding returns the cause as a finding without words.
func (x *Explanation) Finding() Finding {
	f := Finding{ID: x.ID, Confidence: x.Confidence, Endpoints: x.Endpoints, Evidence: []string{}, SavesUpTo: x.Saves, SavesBy: x.SavesBy, Forecast: x.Forecast, SharesWith: x.SharesWith, Facts: x.Facts}
	if len(x.Endpoints) > 0 {
		f.Endpoint = x.Endpoints[0]
	}
	return f
}

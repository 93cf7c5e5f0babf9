package diagnosis

import "slices"

// An Entry explains a kind of cause to the people who meet it.
type Entry struct {
	ID string `json:"id"`
	// Finding is set if reports show the cause as a finding. Others are causes only.
	Finding     bool   `json:"finding"`
	Means       string `json:"means"`
	Told        string `json:"told"`         // how it is told
	FalseAlarms string `json:"false_alarms"` // "" if none are known
	Try         string `json:"try"`
	Check       string `json:"check"` // what confirms or refutes it
}

// Catalogue returns the entries of all kinds of causes, sorted by ID.
func Catalogue() []Entry { return slices.Clone(entries) }

// Explain returns the entry of an ID, nil if there is none.
func Explain(id string) *Entry {
	for _, e := range entries {
		if e.ID == id {
			return &e
		}
	}
	return nil
}

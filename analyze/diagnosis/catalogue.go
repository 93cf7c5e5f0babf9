package diagnosis

import (
	"cmp"
	"slices"
)

// An Entry explains a kind of cause, a warning, a piece of advice or an exit code to the people who meet it.
type Entry struct {
	ID   string    `json:"id"`
	Kind EntryKind `json:"kind"` // set by the catalogue
	// Finding is set if reports show the cause as a finding. Others are causes only, or
	// no causes.
	Finding     bool   `json:"finding"`
	Means       string `json:"means"`
	Told        string `json:"told"`         // how it is told
	FalseAlarms string `json:"false_alarms"` // "" if none are known
	Try         string `json:"try"`
	Check       string `json:"check"` // what confirms or refutes it
}

// entries are all entries, sorted by ID.
var entries = func() []Entry {
	all := slices.Concat(callEntries, holdingEntries, connectionEntries, waitingEntries, processorEntries, requestEntries, transferEntries, patternEntries, standingEntries, computingEntries)
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return all
}()

// Catalogue returns the entries of all kinds of causes, sorted by ID.
func Catalogue() []Entry { return slices.Clone(causes) }

// Explain returns the entry of an ID, nil if there is none.
func Explain(id string) *Entry {
	for _, list := range [][]Entry{causes, warnings, advice, exits} {
		if i := slices.IndexFunc(list, func(e Entry) bool { return e.ID == id }); i >= 0 {
			e := list[i]
			return &e
		}
	}
	return nil
}

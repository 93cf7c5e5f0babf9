package diagnosis

import (
	"cmp"
	"slices"
)

// An EntryKind says what an entry explains.
type EntryKind string

// The kinds of entries, in the order of the catalogue.
const (
	FindingEntry EntryKind = "finding"
	CauseEntry   EntryKind = "cause" // no finding by itself
	WarningEntry EntryKind = "warning"
	AdviceEntry  EntryKind = "advice" // of timesink doctor
	ExitEntry    EntryKind = "exit code"
)

// EntryKinds returns all kinds, in their order.
func EntryKinds() []EntryKind {
	return []EntryKind{FindingEntry, CauseEntry, WarningEntry, AdviceEntry, ExitEntry}
}

var (
	causes = sortedAs(slices.Clone(entries), func(e *Entry) EntryKind {
		if e.Finding {
			return FindingEntry
		}
		return CauseEntry
	})
	warnings = sortedAs(slices.Concat(warningEntries, comparingEntries, collectingEntries), func(*Entry) EntryKind { return WarningEntry })
	advice   = sortedAs(doctorEntries, func(*Entry) EntryKind { return AdviceEntry })
	exits    = sortedAs(exitEntries, func(*Entry) EntryKind { return ExitEntry })
)

// sortedAs sets the kinds of entries and sorts them by ID.
func sortedAs(all []Entry, kind func(e *Entry) EntryKind) []Entry {
	for i := range all {
		all[i].Kind = kind(&all[i])
	}
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Warnings returns the entries of all codes of warnings, sorted by ID.
func Warnings() []Entry { return slices.Clone(warnings) }

// Advice returns the entries of what timesink doctor advises and no warning says, sorted
// by ID.
func Advice() []Entry { return slices.Clone(advice) }

// Exits returns the entries of the exit codes: "exit-0" and so on.
func Exits() []Entry { return slices.Clone(exits) }

// Everything returns all entries, by kind and ID.
func Everything() []Entry {
	all := slices.Concat(causes, warnings, advice, exits)
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Compare(slices.Index(EntryKinds(), a.Kind), slices.Index(EntryKinds(), b.Kind))
	})
	return all
}

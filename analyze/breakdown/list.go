package breakdown

import "time"

// ListSchema names the JSON encoding of List.
const ListSchema = "timesink.list/1"

// A List is the cases of a folder.
type List struct {
	Schema string `json:"schema"`
	Folder string `json:"folder"`
	// Cases are sorted by the time at which they were captured, the oldest first. Those
	// whose time is unknown, such as bare traces, come last, by name.
	Cases []Case `json:"cases"`
}

// A Case is one capture or trace of a folder, and what it says in short. Unknown values
// are left out.
type Case struct {
	File  string    `json:"file"` // its name in the folder
	Size  int64     `json:"size"` // in bytes, of all its files
	State CaseState `json:"state"`
	// Error is why a case cannot be read or has no answer, or what of it is damaged.
	Error string `json:"error,omitempty"`
	// Case identifies the evidence, as in Source.
	Case       string     `json:"case,omitempty"`
	Target     string     `json:"target,omitempty"`
	GoVersion  string     `json:"go_version,omitempty"`
	CapturedAt *time.Time `json:"captured_at,omitempty"`
	Window     int64      `json:"window_ns,omitempty"` // as in Source
	// Endpoint is the one with the most request time, with its Route, Requests, Mean and
	// P95. Requests counts complete ones.
	Endpoint string `json:"endpoint,omitempty"`
	Route    string `json:"route,omitempty"`
	Requests int64  `json:"requests"`
	Mean     int64  `json:"mean_ns,omitempty"`
	P95      int64  `json:"p95_ns,omitempty"`
	// Headline is the conclusion of the answer, in words. Cause is the ID of the cause
	// that it rests on, "" if it rests on none.
	Headline string `json:"headline,omitempty"`
	Cause    string `json:"cause,omitempty"`
	// Warnings are the codes of the answer's warnings, each once.
	Warnings []string `json:"warnings"`
	// Page is the file with the case's own report, beside the index. It is "" if there is
	// none.
	Page string `json:"page,omitempty"`
}

// A CaseState says how much of a case is there.
type CaseState string

const (
	CaseWhole      CaseState = "whole"
	CaseUnfinished CaseState = "unfinished" // a folder: it is being collected, or its collection was killed
	CaseDamaged    CaseState = "damaged"    // it was cut off or changed: it cannot be read, or not all of it
	CaseUnreadable CaseState = "unreadable" // it is of a newer timesink, or belongs to somebody else
)

package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// transferWordings words the findings about files and clients.
var transferWordings = map[string]findingWording{
	"sync-file-write": {
		title: func(f breakdown.Facts) string {
			switch {
			case f.Has(breakdown.FactLogger):
				return "requests wait for their log lines to be written"
			case f.Time(breakdown.FactSynced) > f.Time(breakdown.FactWritten):
				return "requests sync files to the disk and wait for it"
			}
			return "requests write to files and wait for it"
		},
		evidence: fileEvidence,
	},
	"many-system-calls": {
		title: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactSystemCalls) {
			case "sends":
				if f.Has(breakdown.FactBucket) {
					return "requests write to a connection in small pieces"
				}
				return "requests flush their answer again and again"
			case "writes":
				return "requests write to files in small pieces"
			case "reads":
				return "requests read files in small pieces"
			}
			return "requests make many calls on files"
		},
		evidence: func(f breakdown.Facts) []string {
			text := fmt.Sprintf("%s, in %.0f system calls of %s each", ofRequest(f), f.Number(breakdown.FactSystemCalls), threeDigits(f.Time(breakdown.FactSystemCall)))
			return append([]string{text}, callsThere(f)...)
		},
		try: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactSystemCalls) {
			case "sends":
				if f.Has(breakdown.FactBucket) {
					return "put several of them into one write: a buffer around the connection (bufio.NewWriter), or fewer and larger datagrams"
				}
				return "flush when there is enough to send, or after some time, not after each piece"
			case "writes":
				return "put a buffer around the file (bufio.NewWriter), and flush it once"
			case "reads":
				return "put a buffer around the file (bufio.NewReader), or read it whole"
			}
			return "keep what was found instead of looking again for each request, and look again when it changes or after some time"
		},
	},
	"slow-client": {
		title: func(f breakdown.Facts) string {
			if f.Time(breakdown.FactReceived) > f.Time(breakdown.FactSent) {
				return "clients send their requests slowly"
			}
			return "clients read the answers slowly"
		},
		evidence: clientEvidence,
		try: func(f breakdown.Facts) string {
			if f.Time(breakdown.FactReceived) > f.Time(breakdown.FactSent) {
				return "put a proxy that buffers requests in front of the service, or bound them (ReadTimeout)"
			}
			return "send less (paging, compression), put a proxy that buffers answers in front of the service, or bound them (WriteTimeout)"
		},
	},
}

// matters reports whether a part is large enough to be mentioned beside the whole.
func matters(part, whole int64) bool { return 20*part >= whole && part > 0 }

func fileEvidence(f breakdown.Facts) []string {
	text, spent := ofRequest(f), f.Time(breakdown.FactSpent)
	if behind := f.Time(breakdown.FactBehindWrites); matters(behind, spent) {
		text += fmt.Sprintf(", %s of it behind the writes of others", threeDigits(behind))
	}
	list := []string{text}
	if synced := f.Time(breakdown.FactSynced); matters(synced, spent) && matters(spent-synced, spent) {
		list = append(list, threeDigits(synced)+" of it in syncs")
	}
	return append(list, callsThere(f)...)
}

func clientEvidence(f breakdown.Facts) []string {
	how, ns := "take more of the answer", f.Time(breakdown.FactSent)
	if received := f.Time(breakdown.FactReceived); received > ns {
		how, ns = "send more", received
	}
	text := fmt.Sprintf("%s of %s per request is waiting for the client to %s", threeDigits(ns), threeDigits(f.Time(breakdown.FactWall)), how)
	return append([]string{text}, callsThere(f)...)
}

// callsThere says which function is called where.
func callsThere(f breakdown.Facts) []string {
	called := f.Frame(breakdown.FactCalled).Function
	if called == "" {
		return calledAt(f)
	}
	return siteAt(function(called)+" called at", f.Frame(breakdown.FactSite))
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/bounded"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/report"
)

// A ticket holds the data of an answer, for any format.
type ticket struct {
	captures   []*capture.Capture
	b          *breakdown.Breakdown
	specimens  []breakdown.Specimen
	before     *breakdown.Breakdown  // the earlier side of change
	change     *breakdown.Comparison // nil unless two sides are compared
	prediction *breakdown.Prediction // nil unless something is predicted
	redactor   *redact.Redactor      // nil if private data is kept
	flavor     report.Flavor
	top        int // endpoints shown individually
	verbose    bool
	memory     int64             // that reading the captures' other parts may use, in bytes
	left       []capture.Warning // what write had to leave out
}

// narrow reduces the answer to what the user asked for, and reads the requests to show.
func (k *ticket) narrow(ctx context.Context, flags *reportFlags, opts analyze.Options) error {
	if name := flags.endpoint; name != "" {
		var have []string
		for _, e := range k.b.Endpoints {
			have = append(have, cmp.Or(e.Route, e.Name))
		}
		if k.b = k.b.Only(name); len(k.b.Endpoints) == 0 {
			return usagef("choose one of: "+strings.Join(have[:min(len(have), 5)], ", "), "there is no endpoint %q", name)
		}
	}
	if k.b.Estimate && (flags.chosen.traced || flags.request != "") {
		hint := "its samples show only what all requests together do; timesink explain no-trace"
		if k.b.Source.Outside != nil {
			hint = "its probes show only what clients wait for; timesink explain no-pprof"
		}
		return &capture.Error{Op: "show single requests of " + k.captures[0].Path(), Err: capture.ErrNoTrace, Hint: hint}
	}
	var ids []breakdown.RequestID
	if which := flags.request; which != "" {
		id, err := k.b.Find(which)
		if err != nil {
			return usagef(namesRequests, "--request: %v", err)
		}
		ids = []breakdown.RequestID{id}
	} else if flags.chosen.requests == nil {
		return nil
	} else {
		ids = flags.chosen.requests(k.b, k.top)
	}
	var err error
	k.specimens, err = analyze.Requests(ctx, k.captures, opts, k.b, ids)
	if err == nil && flags.request != "" && len(k.specimens) == 0 {
		return usagef(namesRequests, "there is no request %s", flags.request)
	}
	return err
}

// namesRequests says where the IDs of requests are.
const namesRequests = "reports in html and json name requests, and so does report -f text --request slowest"

// redact masks private data.
func (k *ticket) redact(captures []*capture.Capture) {
	var manifests []*capture.Manifest
	for _, c := range captures {
		manifests = append(manifests, c.Manifest())
	}
	k.redactor = redact.New(manifests...)
	k.b, k.specimens = report.Redacted(k.b, k.specimens, k.redactor.Text)
	if k.change != nil {
		k.before, _ = report.Redacted(k.before, nil, k.redactor.Text)
		k.change = report.RedactedComparison(k.change, k.redactor.Text)
	}
}

// cpu writes the captures' CPU profiles, labeled with endpoints.
func (k *ticket) cpu(w io.Writer) error {
	var profiles report.Profiles
	windows, _ := capture.AllWindows(k.captures)
	for _, c := range windows {
		p, err := c.Profile(capture.CPUPart, k.memory/4/int64(len(windows)))
		switch {
		case errors.Is(err, capture.ErrNoPart):
			continue
		case errors.Is(err, bounded.ErrTooLarge):
			k.left = append(k.left, capture.Warning{Code: "part-too-large", Message: fmt.Sprintf("left out, and the trace's samples used instead: %v", err)})
			continue
		case err != nil:
			return &capture.Error{Op: "write the CPU profile with endpoints", Err: err, Hint: damagedProfile}
		}
		if k.redactor != nil {
			k.redactor.Profile(p)
		}
		profiles = append(profiles, p)
	}
	if err := report.CPUProfile(w, k.b, profiles...); err != nil {
		return &capture.Error{Op: "write the CPU profile with endpoints", Err: err, Hint: damagedProfile}
	}
	return nil
}

const damagedProfile = "the capture's CPU profile may be damaged: the other formats do without it"

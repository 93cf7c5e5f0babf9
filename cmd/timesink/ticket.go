package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/report"
)

// A ticket holds the data of an answer, for any format.
type ticket struct {
	captures  []*capture.Capture
	b         *breakdown.Breakdown
	specimens []breakdown.Specimen
	before    *breakdown.Breakdown  // the earlier side of change
	change    *breakdown.Comparison // nil unless two sides are compared
	redactor  *redact.Redactor      // nil if private data is kept
	flavor    report.Flavor
	top       int // endpoints shown individually
	verbose   bool
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
	choose := flags.chosen.requests
	if choose == nil {
		return nil
	}
	ids := choose(k.b, k.top)
	if which := flags.request; which != "" {
		id, err := k.b.Find(which)
		if err != nil {
			return usagef("a report in HTML names its requests", "--request: %v", err)
		}
		ids = []breakdown.RequestID{id}
	}
	var err error
	k.specimens, err = analyze.Requests(ctx, k.captures, opts, k.b, ids)
	if err == nil && flags.request != "" && len(k.specimens) == 0 {
		return usagef("a report in HTML names its requests", "there is no request %s", flags.request)
	}
	return err
}

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
	var profiles []io.Reader
	for _, c := range k.captures {
		part, err := c.Part(capture.CPUPart)
		if errors.Is(err, capture.ErrNoPart) {
			continue
		}
		if err != nil {
			return err
		}
		defer part.Close()
		profile := io.Reader(part)
		if k.redactor != nil {
			if profile, err = k.redactor.Profile(part); err != nil {
				return err
			}
		}
		profiles = append(profiles, profile)
	}
	if err := report.CPUProfile(w, k.b, profiles...); err != nil {
		return &capture.Error{Op: "write the CPU profile with endpoints", Err: err, Hint: "the capture's CPU profile may be damaged: the other formats do without it"}
	}
	return nil
}

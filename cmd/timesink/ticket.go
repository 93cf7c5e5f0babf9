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

// A ticket is what a report is made of.
type ticket struct {
	flags     *reportFlags
	captures  []*capture.Capture
	b         *breakdown.Breakdown
	specimens []breakdown.Specimen
	before    *breakdown.Breakdown  // with change, what was captured before
	change    *breakdown.Comparison // nil in a report of one state
	redactor  *redact.Redactor      // nil where what is private is to stay
	verbose   bool
}

// narrow leaves what the user asks for, and fetches the requests to show.
func (k *ticket) narrow(ctx context.Context, opts analyze.Options) error {
	if name := k.flags.endpoint; name != "" {
		var have []string
		for _, e := range k.b.Endpoints {
			have = append(have, cmp.Or(e.Route, e.Name))
		}
		if k.b = k.b.Only(name); len(k.b.Endpoints) == 0 {
			return usagef("there are: "+strings.Join(have[:min(len(have), 5)], ", "), "there is no endpoint %q", name)
		}
	}
	choose := k.flags.chosen.requests
	if choose == nil {
		return nil
	}
	ids := choose(k.b, k.flags.top)
	if which := k.flags.request; which != "" {
		id, err := k.b.Find(which)
		if err != nil {
			return usagef("a report in HTML names its requests", "--request: %v", err)
		}
		ids = []breakdown.RequestID{id}
	}
	var err error
	k.specimens, err = analyze.Requests(ctx, k.captures, opts, k.b, ids)
	if err == nil && k.flags.request != "" && len(k.specimens) == 0 {
		return usagef("a report in HTML names its requests", "there is no request %s", k.flags.request)
	}
	return err
}

// redact takes out what is private.
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

// A ticketFormat is one of the formats of report.
type ticketFormat struct {
	name    string
	endings []string // of the files that are of this format
	binary  bool     // nothing for a terminal
	// requests chooses those to show where the user does not; nil where none are.
	requests func(b *breakdown.Breakdown, top int) []breakdown.RequestID
	write    func(w io.Writer, k *ticket) error
	// compare writes a comparison; nil where there is no such format of it.
	compare func(w io.Writer, k *ticket) error
}

var ticketFormats = []ticketFormat{
	{
		name: "html", endings: []string{".html", ".htm"}, binary: true, requests: report.ToShow,
		write: func(w io.Writer, k *ticket) error {
			return report.HTML(w, k.b, k.specimens, report.HTMLOptions{Top: k.flags.top})
		},
		compare: func(w io.Writer, k *ticket) error { return report.CompareHTML(w, k.change, k.before, k.b) },
	}, {
		name: "markdown", endings: []string{".md", ".markdown"},
		write:   func(w io.Writer, k *ticket) error { return report.Markdown(w, k.b, k.flags.markdown()) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareMarkdown(w, k.change, k.flags.markdown()) },
	}, {
		name: "text", endings: []string{".txt"},
		write:   func(w io.Writer, k *ticket) error { return report.Text(w, k.b, k.text(w)) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareText(w, k.change, k.text(w)) },
	}, {
		name: "json", endings: []string{".json"},
		write:   func(w io.Writer, k *ticket) error { return report.JSON(w, k.b) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareJSON(w, k.change) },
	}, {
		name: "pprof", endings: []string{".pb.gz", ".pprof"}, binary: true,
		write: func(w io.Writer, k *ticket) error { return report.WallProfile(w, k.b) },
	}, {
		name: "cpu", binary: true, write: func(w io.Writer, k *ticket) error { return k.cpu(w) },
	}, {
		name: "otlp", requests: spread,
		write: func(w io.Writer, k *ticket) error { return report.OTLP(w, k.b, k.specimens, report.OTLPOptions{}) },
	}, {
		name: "otlp-proto", binary: true, requests: spread,
		write: func(w io.Writer, k *ticket) error {
			return report.OTLP(w, k.b, k.specimens, report.OTLPOptions{Binary: true})
		},
	}, {
		name: "perfetto", requests: slowest,
		write: func(w io.Writer, k *ticket) error { return report.Perfetto(w, k.b, &k.specimens[0]) },
	},
}

// ending is what a file of the format is called behind its name.
func (f *ticketFormat) ending() string {
	if len(f.endings) > 0 {
		return f.endings[0]
	}
	return "." + f.name
}

// spread chooses requests of each endpoint, short ones and long ones.
func spread(b *breakdown.Breakdown, _ int) []breakdown.RequestID { return report.SpreadOver(b, 0) }

// slowest chooses the slowest request of the endpoint with the most request time.
func slowest(b *breakdown.Breakdown, _ int) []breakdown.RequestID {
	if id, err := b.Find("slowest"); err == nil {
		return []breakdown.RequestID{id}
	}
	return nil
}

// markdown is how markdown is to be like.
func (f *reportFlags) markdown() report.MarkdownOptions {
	return report.MarkdownOptions{Flavor: report.Flavor(f.flavor), Top: f.top}
}

// text is how text is to be laid out on w.
func (k *ticket) text(w io.Writer) report.TextOptions {
	return report.TextOptions{Width: columns(w), Color: colored(w), Top: k.flags.top, Verbose: k.verbose}
}

// cpu writes the captures' CPU profiles, with the endpoints that they are of.
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
	return report.CPUProfile(w, k.b, profiles...)
}

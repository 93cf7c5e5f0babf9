package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A format is an output format of answers.
type format struct {
	name    string
	endings []string // file name endings that select the format
	binary  bool     // not suitable for a terminal
	traced  bool     // shows nothing but single requests, which only a trace holds
	// requests chooses the requests to show unless the user names one. It is nil for
	// formats that show none.
	requests func(b *breakdown.Breakdown, top int) []breakdown.RequestID
	// one writes the single request that the user names, instead of write. It is nil for
	// formats in which write shows it.
	one func(w io.Writer, k *ticket) error
	// write writes where the time goes, compare what changed. Either is nil if the
	// format does not support it.
	write   func(w io.Writer, k *ticket) error
	compare func(w io.Writer, k *ticket) error
	// predict writes a prediction. It is nil if the format does not support it.
	predict func(w io.Writer, k *ticket) error
}

// formats holds all formats, in the order in which help lists them. A format's fields
// determine which commands accept it.
var formats = []format{
	{
		name: "text", endings: []string{".txt"},
		one:     func(w io.Writer, k *ticket) error { return report.RequestText(w, k.b, &k.specimens[0], k.text(w)) },
		write:   func(w io.Writer, k *ticket) error { return report.Text(w, k.b, k.text(w)) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareText(w, k.change, k.text(w)) },
		predict: func(w io.Writer, k *ticket) error { return report.WhatIfText(w, k.prediction, k.text(w)) },
	}, {
		name: "markdown", endings: []string{".md", ".markdown"},
		write:   func(w io.Writer, k *ticket) error { return report.Markdown(w, k.b, k.markdown()) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareMarkdown(w, k.change, k.markdown()) },
	}, {
		name: "html", endings: []string{".html", ".htm"}, binary: true, requests: report.ToShow,
		write: func(w io.Writer, k *ticket) error {
			return report.HTML(w, k.b, k.specimens, report.HTMLOptions{Top: k.top})
		},
		compare: func(w io.Writer, k *ticket) error { return report.CompareHTML(w, k.change, k.before, k.b) },
		predict: func(w io.Writer, k *ticket) error { return report.WhatIfHTML(w, k.prediction) },
	}, {
		name: "json", endings: []string{".json"},
		one:     func(w io.Writer, k *ticket) error { return report.RequestJSON(w, k.b, &k.specimens[0]) },
		write:   func(w io.Writer, k *ticket) error { return report.JSON(w, k.b) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareJSON(w, k.change) },
		predict: func(w io.Writer, k *ticket) error { return report.WhatIfJSON(w, k.prediction) },
	}, {
		name: "pprof", endings: []string{".pb.gz", ".pprof"}, binary: true,
		write: func(w io.Writer, k *ticket) error { return report.WallProfile(w, k.b) },
	}, {
		name: "cpu", binary: true, write: func(w io.Writer, k *ticket) error { return k.cpu(w) },
	}, {
		name: "otlp", traced: true, requests: spread,
		write: func(w io.Writer, k *ticket) error { return report.OTLP(w, k.b, k.specimens, report.OTLPOptions{}) },
	}, {
		name: "otlp-proto", binary: true, traced: true, requests: spread,
		write: func(w io.Writer, k *ticket) error {
			return report.OTLP(w, k.b, k.specimens, report.OTLPOptions{Binary: true})
		},
	}, {
		name: "perfetto", traced: true, requests: slowest,
		write: func(w io.Writer, k *ticket) error {
			if len(k.specimens) == 0 {
				return errNoRequest
			}
			return report.Perfetto(w, k.b, &k.specimens[0])
		},
	}, {
		name: "sarif", endings: []string{".sarif"},
		compare: func(w io.Writer, k *ticket) error {
			return report.CompareSARIF(w, k.change, report.SARIFOptions{Version: thisTool().Version, Locate: inRepository})
		},
	}, {
		name:    "bench",
		compare: func(w io.Writer, k *ticket) error { return report.CompareBench(w, k.before, k.b) },
	},
}

// inRepository returns a source file's name in the current folder: the longest end of its
// name that there is a file for, since the service may have been built elsewhere. It returns
// the name as it is if there is none.
func inRepository(file string) string {
	for rest := strings.TrimPrefix(file, "/"); rest != ""; {
		if info, err := os.Stat(filepath.FromSlash(rest)); err == nil && info.Mode().IsRegular() && filepath.IsLocal(filepath.FromSlash(rest)) {
			return rest
		}
		_, after, found := strings.Cut(rest, "/")
		if !found {
			break
		}
		rest = after
	}
	return file
}

// showsOne reports whether the format can show a single request that the user names.
func (f *format) showsOne() bool { return f.requests != nil || f.one != nil }

// ending returns the usual file name ending.
func (f *format) ending() string {
	if len(f.endings) > 0 {
		return f.endings[0]
	}
	return "." + f.name
}

// formatsThat names the formats for which takes returns true.
func formatsThat(takes func(*format) bool) (names []string) {
	for i := range formats {
		if f := &formats[i]; takes(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// answers reports whether analyze, run and demo accept the format. Demo also compares,
// and none of them reads the capture a second time.
func (f *format) answers() bool {
	return f.write != nil && f.compare != nil && !f.binary && f.requests == nil
}

// compares reports whether compare accepts the format.
func (f *format) compares() bool { return f.compare != nil }

// predicts reports whether whatif accepts the format.
func (f *format) predicts() bool { return f.predict != nil }

// reports reports whether report accepts the format.
func (f *format) reports() bool { return f.write != nil }

// formatNamed returns the format of that name, or nil.
func formatNamed(name string) *format {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i]
		}
	}
	return nil
}

// spread chooses requests of each endpoint, from short to long.
func spread(b *breakdown.Breakdown, _ int) []breakdown.RequestID { return report.SpreadOver(b, 0) }

// slowest chooses the slowest request of the endpoint with the most request time.
func slowest(b *breakdown.Breakdown, _ int) []breakdown.RequestID {
	if id, err := b.Find("slowest"); err == nil {
		return []breakdown.RequestID{id}
	}
	return nil
}

// markdown returns the options for Markdown.
func (k *ticket) markdown() report.MarkdownOptions {
	return report.MarkdownOptions{Flavor: k.flavor, Top: k.top}
}

// text returns the options for text written to w.
func (k *ticket) text(w io.Writer) report.TextOptions {
	return report.TextOptions{Width: columns(w), Color: colored(w), Top: k.top, Verbose: k.verbose}
}

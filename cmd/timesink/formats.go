package main

import (
	"io"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A format is what an answer can be written in.
type format struct {
	name    string
	endings []string // of the files that are of this format
	binary  bool     // nothing for a terminal
	// requests chooses those to show where the user does not; nil where none are.
	requests func(b *breakdown.Breakdown, top int) []breakdown.RequestID
	// write writes where the time goes, compare what changed; nil where the format has
	// no such thing.
	write   func(w io.Writer, k *ticket) error
	compare func(w io.Writer, k *ticket) error
}

// formats are all of them, in the order in which help lists them. Which commands take
// one follows from what it is.
var formats = []format{
	{
		name: "text", endings: []string{".txt"},
		write:   func(w io.Writer, k *ticket) error { return report.Text(w, k.b, k.text(w)) },
		compare: func(w io.Writer, k *ticket) error { return report.CompareText(w, k.change, k.text(w)) },
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
		write: func(w io.Writer, k *ticket) error {
			if len(k.specimens) == 0 {
				return errNoRequest
			}
			return report.Perfetto(w, k.b, &k.specimens[0])
		},
	}, {
		name:    "bench",
		compare: func(w io.Writer, k *ticket) error { return report.CompareBench(w, k.before, k.b) },
	},
}

// ending is what a file of the format is called behind its name.
func (f *format) ending() string {
	if len(f.endings) > 0 {
		return f.endings[0]
	}
	return "." + f.name
}

// formatsThat names the formats that a command takes.
func formatsThat(takes func(*format) bool) (names []string) {
	for i := range formats {
		if f := &formats[i]; takes(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// answers reports whether a format is one of an answer on the screen: of analyze, run and
// demo, which also compares. It needs no second look at the capture.
func (f *format) answers() bool {
	return f.write != nil && f.compare != nil && !f.binary && f.requests == nil
}

// compares reports whether a format is one of compare.
func (f *format) compares() bool { return f.compare != nil }

// reports reports whether a format is one of report.
func (f *format) reports() bool { return f.write != nil }

// formatNamed is the format of that name, nil where there is none.
func formatNamed(name string) *format {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i]
		}
	}
	return nil
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
func (k *ticket) markdown() report.MarkdownOptions {
	return report.MarkdownOptions{Flavor: k.flavor, Top: k.top}
}

// text is how text is to be laid out on w.
func (k *ticket) text(w io.Writer) report.TextOptions {
	return report.TextOptions{Width: columns(w), Color: colored(w), Top: k.top, Verbose: k.verbose}
}

package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"regexp"

	"timesink/analyze/breakdown"
)

//go:generate go run -C ../cmd/internal/ticket ./bundle ../../../report/web

// web holds the pages' templates, and the bundled script and style.
//
//go:embed web/*.html web/dist
var web embed.FS

// HTMLOptions configures HTML.
type HTMLOptions struct {
	// Top is the number of endpoints shown individually, as in TextOptions.
	Top int
}

// HTML writes b as one self-contained page: it needs no network and no server, and its
// tables need no script. The specimens are the requests that it draws; ToShow returns
// the IDs of those it wants. The page says which of them are missing.
func HTML(w io.Writer, b *breakdown.Breakdown, specimens []breakdown.Specimen, o HTMLOptions) error {
	b = Worded(b)
	p, charts := newReportPage(b, specimens, min(top(b, o.Top), len(b.Endpoints)))
	return p.writeTo(w, "report.html", charts, p)
}

// flag is an option of the command in a sentence.
var flag = regexp.MustCompile(`--[a-z][a-z-]*`)

// unbroken returns a text in which no line ends inside the name of a flag: browsers break
// lines at hyphens.
func unbroken(text string) template.HTML {
	return template.HTML(flag.ReplaceAllString(template.HTMLEscapeString(text), `<span class="flag">$0</span>`))
}

// asset returns one of the bundler's outputs, which every page contains.
func asset(name string) (string, error) {
	text, err := web.ReadFile("web/dist/" + name)
	return string(text), err
}

// A frame is what the pages have in common, around their content.
type frame struct {
	Policy   template.HTML
	Style    template.CSS
	Patterns []patternView
	Script   template.JS
	Data     template.JS // drawn by the charts
	Licenses string
}

// writeTo fills the frame and writes the page. Its content security policy admits the
// bundled script and style by their checksums, and nothing else.
func (f *frame) writeTo(w io.Writer, name string, charts, page any) error {
	style, err := asset("page.css")
	if err != nil {
		return err
	}
	style = bucketStyle() + style
	script, err := asset("page.js")
	if err != nil {
		return err
	}
	if f.Licenses, err = asset("LICENSES.txt"); err != nil {
		return err
	}
	data, err := json.Marshal(charts) // Marshal escapes <, > and &, so nothing ends the element
	if err != nil {
		return fmt.Errorf("encoding the charts' data: %w", err)
	}
	policy := fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", checksum(script), checksum(style))
	f.Policy = template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy + `">`)
	f.Patterns, f.Style, f.Script, f.Data = bucketPatterns(), template.CSS(style), template.JS(script), template.JS(escapeUnprintable(data))
	t, err := template.New(name).Funcs(template.FuncMap{"unbroken": unbroken}).ParseFS(web, "web/parts.html", "web/"+name)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, page); err != nil {
		return fmt.Errorf("laying out the page: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

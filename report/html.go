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

	"timesink/analyze/breakdown"
)

//go:generate go run -C ../cmd/internal/ticket ./bundle ../../../report/web

// web holds the pages' templates, and their script and style as the bundler made
// them.
//
//go:embed web/*.html web/dist
var web embed.FS

// HTMLOptions say what an HTML page shows.
type HTMLOptions struct {
	// Top is the number of endpoints shown one by one, as in TextOptions.
	Top int
}

// HTML writes b as one page that needs nothing beside it: no network, no server,
// and for its tables no script. The specimens are the requests that it draws one by
// one; ToShow tells which it wants, and those that it does not find it leaves out,
// and says so.
func HTML(w io.Writer, b *breakdown.Breakdown, specimens []breakdown.Specimen, o HTMLOptions) error {
	b = Worded(b)
	p, charts := newReportPage(b, specimens, min(top(b, o.Top), len(b.Endpoints)))
	return p.writeTo(w, "report.html", charts, p)
}

// asset is a part of every page, as the bundler made it.
func asset(name string) (string, error) {
	text, err := web.ReadFile("web/dist/" + name)
	return string(text), err
}

// A frame holds what the pages have in common: what stands around their content.
type frame struct {
	Policy   template.HTML
	Style    template.CSS
	Patterns []patternView
	Script   template.JS
	Data     template.JS // what the charts are drawn from
	Licenses string
}

// writeTo fills the frame and lays the page out around it. Of what the page holds,
// only the bundled script and style, told by their checksums, take effect.
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
	data, err := json.Marshal(charts) // which escapes <, > and &, so that nothing ends the element
	if err != nil {
		return fmt.Errorf("encoding the charts' data: %w", err)
	}
	policy := fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", checksum(script), checksum(style))
	f.Policy = template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy + `">`)
	f.Patterns, f.Style, f.Script, f.Data = bucketPatterns(), template.CSS(style), template.JS(script), template.JS(escapeUnprintable(data))
	t, err := template.ParseFS(web, "web/parts.html", "web/"+name)
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

package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gfmhtml "github.com/yuin/goldmark/renderer/html"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func markdown(t testing.TB, b *breakdown.Breakdown, o report.MarkdownOptions) string {
	t.Helper()
	var buf bytes.Buffer
	if err := report.Markdown(&buf, b, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func compareMarkdown(t testing.TB, c *breakdown.Comparison, o report.MarkdownOptions) string {
	t.Helper()
	var buf bytes.Buffer
	if err := report.CompareMarkdown(&buf, c, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestMarkdownGoldens(t *testing.T) {
	for _, name := range []string{"ticket", "hostile", "held-lock", "no-requests", "nothing", "incomplete-only", "limited"} {
		github := markdown(t, fixtures[name](), report.MarkdownOptions{})
		golden(t, name+".md", []byte(github))
		golden(t, name+".jira", []byte(markdown(t, fixtures[name](), report.MarkdownOptions{Flavor: report.Jira})))
		if gitlab := markdown(t, fixtures[name](), report.MarkdownOptions{Flavor: report.GitLab}); gitlab != github {
			t.Errorf("%s differs between GitLab and GitHub", name)
		}
	}
	golden(t, "compare-slower.jira", []byte(compareMarkdown(t, comparisons(t)["slower"], report.MarkdownOptions{Flavor: report.Jira})))
}

func TestTheTicketBeginsWithTheAnswer(t *testing.T) {
	for name, fixture := range fixtures {
		page := text(t, fixture(), report.TextOptions{})
		paragraphs := strings.Split(strings.TrimSpace(page), "\n\n")
		want := strings.Join(strings.Fields(paragraphs[len(paragraphs)-1]), " ")
		first := rendered(t, markdown(t, fixture(), report.MarkdownOptions{})).texts("p")[0]
		if name != "hostile" && first != want {
			t.Errorf("%s begins with\n  %s\nthe text ends with\n  %s", name, first, want)
		}
	}
}

func TestUnknownFlavorsAreRefused(t *testing.T) {
	err := report.Markdown(io.Discard, sequential(), report.MarkdownOptions{Flavor: "bitbucket"})
	if err == nil || !strings.Contains(err.Error(), `"bitbucket"`) || !strings.Contains(err.Error(), "jira") {
		t.Errorf("the error is %v", err)
	}
}

func TestMarkdownHasOnlyMarkupThatTrackersShow(t *testing.T) {
	for name, fixture := range fixtures {
		checkGFM(t, name, markdown(t, fixture(), report.MarkdownOptions{Top: 9}))
		checkJira(t, name, markdown(t, fixture(), report.MarkdownOptions{Top: 9, Flavor: report.Jira}))
	}
	for name, c := range comparisons(t) {
		for _, top := range []int{0, 1} {
			checkGFM(t, "compare-"+name, compareMarkdown(t, c, report.MarkdownOptions{Top: top}))
			checkJira(t, "compare-"+name, compareMarkdown(t, c, report.MarkdownOptions{Top: top, Flavor: report.Jira}))
		}
	}
}

func TestMarkdownReturnsWriteErrors(t *testing.T) {
	full := errors.New("no space left on device")
	if err := report.Markdown(brokenWriter{full}, sequential(), report.MarkdownOptions{}); !errors.Is(err, full) {
		t.Errorf("Markdown: %v", err)
	}
	if err := report.CompareMarkdown(brokenWriter{full}, comparisons(t)["faster"], report.MarkdownOptions{}); !errors.Is(err, full) {
		t.Errorf("CompareMarkdown: %v", err)
	}
}

// names are names from a service that could do harm in a tracker.
var names = []string{
	"a|b", `a\|b`, `a\`, `\`, `\\`, "`", "``", "`a", "a``b`", " `a` ", "||", "|---|", "<script>alert(1)</script>", "</details>", "<details>", "</code>",
	"[x](javascript:alert(1))", "![x](http://evil.example/x.png)", "[x]: http://evil.example", "@everyone", "x@everyone", "team/@here", "#123", "!123", "owner/repo#1",
	"GH-123", "ABC-123", "deadbeefcafe", "http://evil.example/x", "HTTPS://evil.example", "www.evil.example", "mailto:a@b.example", "a@b.example", "ftp://x", "file:///etc",
	"\x1b[31mred", "line\nbreak", "tab\tand\r\nmore", "\u202egnp.exe", "\u2066x", "\xff\xfe", "{code}", "{code:java}", "{{x}}", "}}", "{", "a}", "[~admin]", "[link|http://x]",
	"!image.png!", "h1. x", "bq. x", "1. x", "1) x", "# x", "- x", "* x", "+ x", "---", "===", "--", "----", "~~x~~", "~x~", "**x**", "_x_", "a_b_c", "$x$", "$`x`$", ":smile:",
	":)", ":D", "(x)", "(/)", "(on)", "&lt;b&gt;", "&amp", "&#64;everyone", "&", "??x??", "^x^", "%x%", "{color:red}x{color}", "{noformat}", "\\\\server\\share", "a b", " a", "a ", " ",
	"", "GET /v1/{id}", "func1.1[...]", "é日本語🚗", "％", "(", ")", "((x)", "\"x\"", "'", "x.", "a...", "{+ x +}", "[- x -]", "[ ] x", "[x] done", "[^1]", "::x::", ">", "> x", ">>>",
}

// called returns a breakdown in which everything that a service can name has that name.
func called(name string) *breakdown.Breakdown {
	frame := breakdown.Frame{Function: name, File: name, Line: 7}
	where := breakdown.SiteTime{Frame: frame, CallsPerRequest: 2, Concurrency: 1, Why: name}
	e := endpoint(name, 10, part{bucket: breakdown.Upstream, mean: 12 * ms, calls: 1, systems: []string{name}, sites: []breakdown.SiteTime{where, where}, phases: phases(breakdown.Connect, 12*ms)},
		part{bucket: breakdown.Lock, mean: 9 * ms, sites: []breakdown.SiteTime{where}, holders: []breakdown.Holder{{Frame: frame, Doing: breakdown.DB, Total: 9 * ms}}},
		part{bucket: breakdown.CPU, mean: 3 * ms, sites: []breakdown.SiteTime{where}})
	e.Route, e.Kind = name, name
	e.CPU = []breakdown.CPUFunction{{Frame: frame, Samples: 20}}
	e.CPULibraries = []breakdown.CPULibrary{{Bucket: breakdown.DB, System: name, Samples: 20, OfSamples: 20, Estimate: 3 * ms}}
	e.Client = &breakdown.Client{Probes: 3, Matched: 3, Mean: 30 * ms, Server: 24 * ms, Phases: []breakdown.ClientPhase{{Phase: name, Mean: 1 * ms}}}
	small := endpoint(name, 10, part{bucket: breakdown.Upstream, mean: 10 * us, systems: []string{name}})
	b := of(source(), e, small)
	s := &b.Source
	s.Target, s.GoVersion, s.Case, s.Rules = name, name, name, []string{name}
	s.Evidence = []breakdown.Evidence{{Case: name, Tool: name, Command: name, Parts: []breakdown.Part{{Name: name, SHA256: name}}}}
	b.Findings = []breakdown.Finding{{ID: name, Endpoint: name, Title: name, Evidence: []string{name, "at " + name + " there"}, Try: name}}
	b.Warnings = []breakdown.Warning{{Code: name, Message: name}, {Code: "w", Message: "the service said " + name + ": nothing else"}}
	return b
}

// FuzzNames covers the names of the list.
func TestRandomNamesStayNames(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	alphabet := []rune("``||\\\\**__[]()<>@#!{{}}~&$:;/.-+= \n\tabchp12é日\u202e")
	for range 200 {
		random := make([]rune, rng.Intn(24))
		for i := range random {
			random[i] = alphabet[rng.Intn(len(alphabet))]
		}
		checkNames(t, string(random))
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range names {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkNames(t, name) })
}

func checkNames(t *testing.T, name string) {
	t.Helper()
	b := called(name)
	page := checkGFM(t, fmt.Sprintf("%q", name), markdown(t, b, report.MarkdownOptions{Top: 1}))
	checkJira(t, fmt.Sprintf("%q", name), markdown(t, b, report.MarkdownOptions{Top: 1, Flavor: report.Jira}))
	if printable := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 && utf8.ValidString(name); !printable || len(name) > 60 || name == "" {
		return
	}
	if got := page.texts("h3")[1]; got != name {
		t.Errorf("the route %q is headed %q", name, got)
	}
	if cells := page.texts("td"); !slices.Contains(cells, name) || !strings.ContainsAny(name, "/[%") && !slices.ContainsFunc(cells, func(c string) bool { return strings.HasPrefix(c, name+" ") }) {
		t.Errorf("%q is in none of the cells %q", name, cells)
	}
	if want := strings.Join(strings.Fields("the service said "+name+": nothing else"), " "); !slices.Contains(page.texts("li"), want) {
		t.Errorf("none of the items %q says %q", page.texts("li"), want)
	}
}

// huge returns a breakdown far too large for one comment.
func huge(endpoints int) *breakdown.Breakdown {
	b := of(source())
	for i := range endpoints {
		var sites []breakdown.SiteTime
		for j := range 12 {
			sites = append(sites, site(fmt.Sprintf("example.com/%s.(*%s%d).Call%d", strings.Repeat("deeply/", 9), strings.Repeat("🚗Server", 30), i, j), strings.Repeat("file", 40)+".go", j, 100*us, 1, 1))
		}
		e := endpoint(fmt.Sprintf("example.com/%s.(*API).Handle%d", strings.Repeat("VeryLong", 20), i), 10,
			part{bucket: breakdown.Upstream, mean: int64(3000-i) * ms, calls: 12, systems: []string{"http"}, sites: sites, phases: phases(breakdown.ResponseWait, int64(3000-i)*ms)},
			part{bucket: breakdown.CPU, mean: 3 * ms, sites: sites})
		e.Route = fmt.Sprintf("GET /%s/%d", strings.Repeat("segment/", 30), i)
		e.CPU = spread().Endpoints[0].CPU
		b.Endpoints = append(b.Endpoints, e)
		b.Findings = append(b.Findings, breakdown.Finding{ID: "x", Endpoint: e.Name, Title: strings.Repeat("title ", 30), Evidence: slices.Repeat([]string{strings.Repeat("evidence ", 200)}, i+1), Try: strings.Repeat("try|", 500)})
		b.Warnings = append(b.Warnings, breakdown.Warning{Message: strings.Repeat("a warning of `", 200)})
		b.Source.Evidence = append(b.Source.Evidence, breakdown.Evidence{Case: "ts-a1b2c3d4e5f6", Tool: strings.Repeat("v1", 999), Parts: []breakdown.Part{{Name: strings.Repeat("part", 999), SHA256: strings.Repeat("0123456789abcdef", 4)}}})
		b.Source.Rules = append(b.Source.Rules, "db="+strings.Repeat("driver", 300))
	}
	return b
}

func TestReportsFitInOneComment(t *testing.T) {
	b := huge(2000)
	for _, o := range []report.MarkdownOptions{{}, {Top: 2000}, {Flavor: report.GitLab, Top: 10}, {Flavor: report.Jira}, {Flavor: report.Jira, Top: 2000}} {
		name, most := fmt.Sprintf("%+v", o), 65_536
		page := markdown(t, b, o)
		if o.Flavor == report.Jira {
			most = 32_767
			checkJira(t, name, page)
		} else {
			checkGFM(t, name, page)
		}
		checkLength(t, name, page, most)
		if !strings.Contains(page, "Left out to fit in one comment: ") || !strings.Contains(page, " findings") || !strings.Contains(page, "call sites") {
			t.Errorf("%s does not say what it left out: %s", name, page[max(len(page)-400, 0):])
		}
		if !strings.Contains(page, strings.Repeat("0123456789abcdef", 4)) || !strings.Contains(page, "ResponseWait") && !strings.Contains(page, "response") {
			t.Errorf("%s has no checksum or no table", name)
		}
	}
}

func TestComparisonsFitInOneComment(t *testing.T) {
	c := comparison(t, huge(300), huge(300), "p50 > +10%")
	for _, o := range []report.MarkdownOptions{{}, {Flavor: report.Jira, Top: 3}} {
		name, most, check := fmt.Sprintf("%+v", o), 65_536, checkGFM
		page := compareMarkdown(t, c, o)
		if o.Flavor == report.Jira {
			most, check = 32_767, func(t testing.TB, name, page string) *element { checkJira(t, name, page); return nil }
		}
		check(t, name, page)
		checkLength(t, name, page, most)
		if !strings.Contains(page, "Left out to fit in one comment: ") {
			t.Errorf("%s does not say what it left out", name)
		}
	}
}

func checkLength(t *testing.T, name, page string, most int) {
	t.Helper()
	if n := len(utf16.Encode([]rune(page))); n >= most || n < most*7/10 {
		t.Errorf("%s has %d UTF-16 units and %d characters, with a limit of %d", name, n, utf8.RuneCountInString(page), most)
	}
}

// An element is an element of a page as a tracker renders it.
type element struct {
	name     string
	text     []byte // including that of its children
	spoken   []byte // the text outside of code
	children []*element
}

// texts returns the texts of all elements of that name.
func (e *element) texts(name string) (list []string) {
	if e.name == name {
		list = append(list, string(e.text))
	}
	for _, c := range e.children {
		list = append(list, c.texts(name)...)
	}
	return list
}

// rendered returns a page as a tracker renders it.
func rendered(t testing.TB, page string) *element {
	t.Helper()
	var out bytes.Buffer
	out.WriteString("<page>")
	err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(gfmhtml.WithXHTML(), gfmhtml.WithUnsafe())).Convert([]byte(page), &out)
	if err != nil {
		t.Fatal(err)
	}
	out.WriteString("</page>")
	root := &element{name: "root"}
	open := []*element{root}
	for d := xml.NewDecoder(&out); ; {
		token, err := d.Token()
		switch tok := token.(type) {
		case xml.StartElement:
			e := &element{name: tok.Name.Local}
			open[len(open)-1].children = append(open[len(open)-1].children, e)
			open = append(open, e)
			root.spoken = append(root.spoken, ' ')
		case xml.CharData:
			isCode := slices.ContainsFunc(open, func(e *element) bool { return e.name == "code" })
			for _, e := range open {
				e.text = append(e.text, tok...)
				if !isCode {
					e.spoken = append(e.spoken, tok...)
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
		if err == io.EOF {
			return root
		}
		if err != nil {
			t.Fatalf("the page is not a tree: %v\n%s", err, page)
		}
	}
}

// reference matches what GitHub and GitLab turn into links or mentions, outside of
// code.
var reference = regexp.MustCompile(`@|#\S|!\d|://|www\.|\w-\d|\b[0-9a-f]{7,40}\b|:\w+:|\$`)

// checkGFM checks that a page has only the expected elements, and that nothing in it
// becomes a link or a mention.
func checkGFM(t testing.TB, name, page string) *element {
	t.Helper()
	root := rendered(t, page)
	var walk func(e *element)
	walk = func(e *element) {
		if !slices.Contains([]string{"root", "page", "h3", "p", "strong", "code", "ol", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "blockquote"}, e.name) {
			t.Errorf("%s holds a <%s>: %s\n%s", name, e.name, e.text, page)
		}
		for _, c := range e.children {
			walk(c)
		}
	}
	walk(root)
	if found := reference.Find(root.spoken); found != nil {
		t.Errorf("%s refers to %q:\n%s", name, found, page)
	}
	checkTables(t, name, page, regexp.MustCompile(`(^|[^\\])\|`))
	checkSafe(t, name, page)
	return root
}

// checkTables checks that all rows of a table have the same number of cells.
func checkTables(t testing.TB, name, page string, bar *regexp.Regexp) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := len(bar.FindAllString(strings.ReplaceAll(line, "||", "|"), -1))
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("%s has a row of %d cells in a table of %d: %s", name, n, cells, line)
		}
	}
}

func checkSafe(t testing.TB, name, page string) {
	t.Helper()
	for _, r := range page {
		if r != '\n' && r != '\u2060' && !unicode.IsPrint(r) {
			t.Errorf("%s holds %U", name, r)
		}
	}
}

var (
	jiraEscape = regexp.MustCompile(`\\[-#*_+?^~{}\[\]()!@]`)
	jiraOwn    = regexp.MustCompile(`^(h[34]\. |#\*? |\* |bq\. )|\{\{|\}\}`)
	jiraLink   = regexp.MustCompile(`(?i)(https?|ftps?|mailto|nntp|news|irc|file):[\w/]|[:;][)(]|:[DPp]|&#?\w+;`)
)

// checkJira checks that each line, without its escapes and the report's own markup, has
// no markup left.
func checkJira(t testing.TB, name, page string) {
	t.Helper()
	for line := range strings.Lines(page) {
		if strings.Contains(line, `\\`) {
			t.Errorf("%s forces a line break: %s", name, line)
		}
		rest := jiraOwn.ReplaceAllString(jiraEscape.ReplaceAllString(line, "•"), "")
		if i := strings.IndexAny(rest, "[]{}^!~_@+#-()"); i >= 0 && !strings.HasPrefix(rest[i:], "#124;") {
			t.Errorf("%s holds a %q: %s", name, rest[i], line)
		}
		bare := strings.NewReplacer(`\{`, "{", `\}`, "}").Replace(line) // as Jira sees it when it looks for {{…}}
		for _, braces := range []string{"{{", "}}"} {
			if strings.Count(bare, braces) != strings.Count(jiraEscape.ReplaceAllString(line, "•"), braces) {
				t.Errorf("%s has %s within %s", name, braces, line)
			}
		}
		if strings.Count(rest, "*")%2 != 0 || strings.Contains(rest, "??") {
			t.Errorf("%s has markup in %s", name, line)
		}
		if found := jiraLink.FindString(strings.ReplaceAll(rest, "&#124;", "")); found != "" {
			t.Errorf("%s has %q in %s", name, found, line)
		}
	}
	checkTables(t, name, page, regexp.MustCompile(`\|`)) // Jira Cloud counts escaped ones too
	checkSafe(t, name, page)
}

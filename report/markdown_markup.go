package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A language writes a tracker's markup. Arguments called marked are markup already; all
// others are text. Text of timesink goes through plain; text from the service only
// through code and prose. Blocks end with a newline.
type language interface {
	// plain escapes timesink's own words.
	plain(text string) string
	// code sets a name from the service, which must not become markup, a link or a
	// mention.
	code(name string) string
	bold(marked string) string
	heading(level int, marked string) string
	// numbered is a list item with lines below it.
	numbered(n int, marked string, below []string) string
	bullet(marked string) string
	quote(marked string) string
	// header starts a table. A column whose name starts with a tab holds numbers.
	header(columns ...string) string
	row(cells ...string) string
	// fold hides what is between begin and end until the reader opens it, if the
	// tracker can.
	fold(title string) (begin, end string)
}

// prose returns a sentence that may contain names from the service anywhere: it sets
// every word that is not a plain one as code.
func prose(l language, sentence string) string {
	words := strings.Fields(clean(sentence))
	for i, w := range words {
		if isPlain(w, i == 0) {
			words[i] = l.plain(w)
			continue
		}
		lead, core, tail := punctuation(w)
		words[i] = l.plain(lead) + l.code(core) + l.plain(tail)
	}
	return strings.Join(words, " ")
}

// plainWord matches a word or a number with a sentence's punctuation around it.
// Anything with a dot, a colon or an underscore between letters is a name, or something
// that a tracker would link.
var plainWord = regexp.MustCompile(`^["'(]?[+-]?[\pL\pN\pM\pS]+(?:[-'’/,][\pL\pN\pM]+|\.[0-9]+)*%?["')]*[.,:;!?]?$`)

// reference matches what a tracker may take for an issue's key or a commit.
var reference = regexp.MustCompile(`\pL-[0-9]|\b[0-9a-f]{7,}\b`)

func isPlain(word string, first bool) bool {
	if !first && strings.Trim(word, "<>=+~") == "" {
		return true // an operator; plain escapes it
	}
	if strings.ContainsAny(word, "<>|`~^$=") || reference.MatchString(word) || !plainWord.MatchString(word) {
		return false
	}
	// At the start of a line, "1." and "h3." start a list or a heading.
	return !first || !strings.ContainsAny(word[len(word)-1:], ".)")
}

// punctuation splits a sentence's punctuation off a name.
func punctuation(word string) (lead, core, tail string) {
	core = word
	if trimmed := strings.TrimRight(core, ".,:;!?"); trimmed != "" {
		core, tail = trimmed, core[len(trimmed):]
	}
	for _, pair := range []string{"()", `""`, "''"} {
		if len(core) > 2 && core[:1] == pair[:1] && core[len(core)-1:] == pair[1:] {
			return pair[:1], core[1 : len(core)-1], pair[1:] + tail
		}
	}
	if len(core) > 1 && core[0] == '(' && strings.Count(core, "(") > strings.Count(core, ")") {
		return "(", core[1:], tail
	}
	if len(core) > 1 && core[len(core)-1] == ')' && strings.Count(core, ")") > strings.Count(core, "(") {
		return "", core[:len(core)-1], ")" + tail
	}
	return "", core, tail
}

// gfm is the markdown of GitHub and GitLab. Both look for mentions, references and
// addresses after the markup is gone, so escapes do not stop them; only code does.
type gfm struct{}

func (gfm) plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_{}[]<>#|~!&$@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code returns a code span: only as many backticks as opened it have a meaning within.
func (gfm) code(name string) string {
	if name == "" {
		return ""
	}
	longest, run := 0, 0
	for _, r := range name {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence, blank := strings.Repeat("`", longest+1), ""
	if strings.HasPrefix(name, "`") || strings.HasSuffix(name, "`") ||
		strings.HasPrefix(name, " ") && strings.HasSuffix(name, " ") && strings.Trim(name, " ") != "" {
		blank = " " // the tracker strips it
	}
	return fence + blank + name + blank + fence
}

func (gfm) bold(marked string) string { return around("**", marked) }

// around marks text, and leaves empty text unmarked.
func around(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text + mark
}

func (gfm) heading(level int, marked string) string {
	return strings.Repeat("#", level) + " " + marked + "\n\n"
}

func (gfm) numbered(n int, marked string, below []string) string {
	number := fmt.Sprintf("%d. ", n)
	text := number + marked + "\n"
	for _, l := range below {
		text += spaces(len(number)) + "- " + l + "\n"
	}
	return text
}

func (gfm) bullet(marked string) string { return "- " + marked + "\n" }

func (gfm) quote(marked string) string { return "> " + marked + "\n" }

func (g gfm) header(columns ...string) string {
	rule := "|"
	var names []string
	for _, c := range columns {
		name, isNumber := strings.CutPrefix(c, "\t")
		names = append(names, name)
		if isNumber {
			rule += "---:|"
		} else {
			rule += "---|"
		}
	}
	return g.row(names...) + rule + "\n"
}

// row escapes the bars in cells, within code too.
func (gfm) row(cells ...string) string {
	text := "|"
	for _, c := range cells {
		if c != "" {
			c += " "
		}
		text += " " + strings.ReplaceAll(c, "|", `\|`) + "|"
	}
	return text + "\n"
}

// fold's title is HTML, where markup has no effect. It is always timesink's own words.
func (gfm) fold(title string) (begin, end string) {
	return "<details><summary>" + title + "</summary>\n\n", "\n</details>\n\n"
}

// jira is the wiki markup of Jira Server and Data Center, and of the legacy editor and
// REST version 2 of Jira Cloud. None of them can fold text without an add-on: {expand}
// is Confluence's. Markup has its effect within {{…}} too, and a backslash escapes only
// some characters. Others are separated by a word joiner (U+2060), which is invisible
// and breaks no line.
type jira struct{}

const (
	joiner = "\u2060"
	// escapable holds the characters that a backslash escapes in Jira's own renderer
	// (BackslashEscapeRendererComponent), except "|", and except "%" and "?", which
	// need no escape.
	escapable = "-#*_+^~{}[]()!@"
)

func (jira) plain(text string) string {
	var b strings.Builder
	for i, r := range text {
		next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		b.WriteString(jiraRune(r, next))
	}
	return b.String()
}

func jiraRune(r, next rune) string {
	isWord := unicode.IsLetter(next) || unicode.IsDigit(next)
	switch {
	case (r == '{' || r == '}') && next == r: // they end {{…}} once the backslashes are gone
		return `\` + string(r) + joiner
	case strings.ContainsRune(escapable, r):
		return `\` + string(r)
	case r == '|':
		return "&#124;" // the Cloud ends a cell at an escaped one
	case r == '\\' && !isWord, // an escape, or a line break with another one
		r == '&' && (isWord || next == '#'),                           // an entity
		r == '?' && next == '?',                                       // a citation
		r == ':' && (isWord || next == '/') && !unicode.IsDigit(next): // an address, an emoticon
		return string(r) + joiner
	}
	return string(r)
}

func (j jira) code(name string) string {
	if name == "" {
		return ""
	}
	end := ""
	if strings.HasSuffix(name, "}") || strings.HasSuffix(name, " ") {
		end = joiner // else the end is found too early, or not at all
	}
	begin := ""
	if strings.HasPrefix(name, "{") || strings.HasPrefix(name, " ") {
		begin = joiner
	}
	return "{{" + begin + j.plain(name) + end + "}}"
}

func (jira) bold(marked string) string { return around("*", marked) }

func (jira) heading(level int, marked string) string {
	return fmt.Sprintf("h%d. %s\n\n", level, marked)
}

func (jira) numbered(_ int, marked string, below []string) string {
	text := "# " + marked + "\n"
	for _, l := range below {
		text += "#* " + l + "\n"
	}
	return text
}

func (jira) bullet(marked string) string { return "* " + marked + "\n" }

func (jira) quote(marked string) string { return "bq. " + marked + "\n" }

func (jira) header(columns ...string) string {
	text := "||"
	for _, c := range columns {
		text += " " + strings.TrimPrefix(c, "\t") + " ||"
	}
	return text + "\n"
}

// row puts spaces around cells: two adjacent bars would start a header.
func (jira) row(cells ...string) string {
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func (j jira) fold(title string) (begin, end string) { return j.heading(4, title), "\n" }

package redact

import (
	"net/netip"
	"regexp"
	"strings"
)

// rules lists the rules, in the order in which they are applied.
var rules = []func(m *masker, text string) string{
	urls, headers, secrets, users, queries, emails, homes, windowsHomes, knownHosts, saidHosts, addresses,
}

// A form is a pattern of private text. Nearly all strings of a trace are names of
// functions, which contain nothing that a form needs: checking for that first
// takes a hundredth of the time.
type form struct {
	needs []string // any of them
	re    *regexp.Regexp
}

func newForm(needs, expr string) form {
	return form{strings.Split(needs, "|"), regexp.MustCompile(expr)}
}

func (f *form) replace(text string, decide func(text string, at []int) group) string {
	for _, need := range f.needs {
		if strings.Contains(text, need) {
			return replace(f.re, text, decide)
		}
	}
	return text
}

// A group is a part of a match, [from, to), and its replacement.
type group struct {
	from, to int
	with     string
}

// keep is the group that leaves a match unchanged.
var keep = group{from: -1}

// replace calls decide for each match of re; at holds the offsets of its groups
// in the text, as from regexp's SubmatchIndex. Another match may begin inside a
// kept one.
func replace(re *regexp.Regexp, text string, decide func(text string, at []int) group) string {
	var out strings.Builder
	last := 0
	for i := 0; i <= len(text); {
		at := re.FindStringSubmatchIndex(text[i:])
		if at == nil {
			break
		}
		for k := range at {
			if at[k] >= 0 {
				at[k] += i
			}
		}
		g := decide(text, at)
		if g == keep || g.from < last {
			i = at[0] + 1
			continue
		}
		out.WriteString(text[last:g.from] + g.with)
		last, i = g.to, max(g.to, at[0]+1)
	}
	if last == 0 {
		return text
	}
	out.WriteString(text[last:])
	return out.String()
}

// begins reports whether a word may begin at i.
func begins(text string, i int) bool { return i == 0 || !isWord(text[i-1]) && text[i-1] != '-' }

// headerForms lists headers that identify somebody, in any spelling, and other
// headers in HTTP's spelling.
var headerForms = []form{
	newForm(":|=", `(?i)(?:(?:proxy-)?authorization|(?:set-)?cookie)["']?\s*[:=]\s*["']?([^"\r\n\\]+)`),
	newForm(": ", `(?:[A-Z][A-Za-z0-9]*(?:-[A-Z][A-Za-z0-9]*)+|Host|Referer|Origin|Location|Forwarded): ([^"\r\n\\]+)`),
}

// headers masks the values of headers quoted in a text, up to the end of the line
// or of the quotation.
func headers(m *masker, text string) string {
	for i := range headerForms {
		text = headerForms[i].replace(text, func(text string, at []int) group {
			if !begins(text, at[0]) {
				return keep
			}
			return group{at[2], at[3], m.put(Header, text[at[2]:at[3]], valueMask)}
		})
	}
	return text
}

const secretKey = `(?i)(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?|session[_-]?id)`

// secretForms lists schemes with a token, keys with a value, also in JSON, and
// JWTs.
var secretForms = []form{
	newForm(" |\t|\n", `(?i)(?:bearer|basic|digest|negotiate)\s+([A-Za-z0-9._~+/=-]+)`),
	newForm("=", secretKey+`=("[^"]+"|'[^']+'|[^\s&;,"')}]+)`),
	newForm(":", secretKey+`\\?["']\s*:\s*\\?["']([^"'\\]+)`),
	newForm("eyJ", `(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)`),
}

// secrets masks tokens and passwords.
func secrets(m *masker, text string) string {
	for i := range secretForms {
		text = secretForms[i].replace(text, func(text string, at []int) group {
			secret := text[at[2]:at[3]]
			// "basic authentication" is not a secret.
			if i == 0 && (!begins(text, at[0]) || len(secret) < 20 && (len(secret) < 6 || !strings.ContainsAny(secret, "0123456789=_~+"))) {
				return keep
			}
			return group{at[2], at[3], m.put(Secret, secret, valueMask)}
		})
	}
	return text
}

// userForms lists the ways in which databases and their drivers name a user.
var userForms = []form{
	newForm("=", `(?i)(?:user|username|user_name|login|role|account)=("[^"]+"|'[^']+'|[^\s&;,"')}`+"`"+`]+)`),
	newForm(`"`, `(?i)(?:user|role|login) "([^"]+)"`),
	newForm("'", `(?i)(?:user|role|login) '([^']+)'`),
	newForm("@tcp|@unix", `([^\s"'<>`+"`"+`@][^\s"'<>`+"`"+`]*)@(?:tcp|unix)[46]?\(`),
}

func users(m *masker, text string) string {
	for i := range userForms {
		text = userForms[i].replace(text, func(text string, at []int) group {
			if i < 3 && !begins(text, at[0]) {
				return keep
			}
			return group{at[2], at[3], m.put(User, text[at[2]:at[3]], userMask)}
		})
	}
	return text
}

var (
	address = newForm("@", `[\pL\pN._%+-]+@((?:[\pL\pN-]+\.)+\pL{2,})`)
	version = regexp.MustCompile(`^v\d+\.\d`) // of a module: yaml@v3.0.1-rc.one
)

func emails(m *masker, text string) string {
	return address.replace(text, func(text string, at []int) group {
		if version.MatchString(text[at[2]:at[3]]) {
			return keep
		}
		return group{at[0], at[1], m.put(Email, text[at[0]:at[1]], emailMask)}
	})
}

var (
	// Homes may lie on another disk or in a container.
	unixHome = newForm("/home/|/Users/|/root", `(?:/(?:var|usr|export|exports|nfs|private|host|rootfs|data|cygdrive/[a-zA-Z]|mnt/[^/\s]+|media/[^/\s]+|net/[^/\s]+|Volumes/[^/\s]+|System/Volumes/Data|[a-zA-Z]))?`+
		"/(?:home|Users)/([^/\\\\\\s\"'<>|?*:;,()`]+)|(?:/var|/private/var)?/root()")
	windowsHome = newForm(`:|\`, `(?i)(?:[a-z]:|\\)([\\/]*)(?:Users|Documents and Settings)[\\/]+(?:([^\\/:*?"<>|\r\n]+)[\\/]|[^\\/:*?"<>|\s'`+"`"+`]+)`)
	sourceFile  = regexp.MustCompile(`\.(?:go|s|c|h|cc|cpp)$`)
	method      = regexp.MustCompile(`(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE) $`)
)

// homes masks home directories at the beginning of a file path. The path of a
// route or a URL is not a file path, and a folder below a package named home is
// not a home directory.
func homes(m *masker, text string) string {
	return unixHome.replace(text, func(text string, at []int) group {
		switch {
		case !beginsPath(text, at[0]), method.MatchString(text[:at[0]]):
			return keep
		case at[2] < 0 && at[1] < len(text) && (isWord(text[at[1]]) || strings.IndexByte("-.", text[at[1]]) >= 0): // /root and not /rootfs
			return keep
		case at[2] >= 0 && sourceFile.MatchString(text[at[2]:at[3]]) && !strings.HasPrefix(text[at[3]:], "/"): // /home/main.go
			return keep
		}
		return group{at[0], at[1], "/" + m.put(Home, text[at[0]:at[1]], homeMask)}
	})
}

// beginsPath reports whether an absolute path begins at i, including after
// file://, a compiler's -I, and the underscore of packages outside GOPATH.
func beginsPath(text string, i int) bool {
	if i == 0 {
		return true
	}
	before := text[:i]
	switch c := before[i-1]; {
	case c == '/':
		return strings.HasSuffix(before, "://")
	case c == '_':
		return begins(before, i-1)
	case isAlnum(c):
		return i >= 2 && before[i-2] == '-' && begins(before, i-2)
	default:
		return strings.IndexByte(`.-)]}~%+@\$`, c) < 0
	}
}

// windowsHomes masks home directories of Windows, whose user names may contain
// spaces.
func windowsHomes(m *masker, text string) string {
	return windowsHome.replace(text, func(text string, at []int) group {
		if !begins(text, at[0]) {
			return keep
		}
		to := at[1]
		if at[4] >= 0 {
			to = at[5]
		}
		drive := text[at[0]:at[3]]
		return group{at[0], to, drive + m.put(Home, text[at[0]:to], homeMask)}
	})
}

var (
	numbered = newForm(".", `\d{1,3}(?:\.\d{1,3}){3}`)
	colons   = newForm(":", `\[?([0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?:%[A-Za-z0-9]+)?\]?`)
)

// addresses masks IP addresses, but not version numbers that look like one.
func addresses(m *masker, text string) string {
	if strings.Count(text, ".") >= 3 {
		text = numbered.replace(text, func(text string, at []int) group {
			addr, err := netip.ParseAddr(text[at[0]:at[1]])
			if err != nil || sameEverywhere(addr) || partOfVersion(text, at[0], at[1]) {
				return keep
			}
			return group{at[0], at[1], m.put(Address, text[at[0]:at[1]], hostMask)}
		})
	}
	return colons.replace(text, func(text string, at []int) group {
		addr, err := netip.ParseAddr(text[at[2]:at[3]])
		if err != nil || sameEverywhere(addr) || !begins(text, at[0]) || at[1] < len(text) && isWord(text[at[1]]) {
			return keep
		}
		// C++ has dead::beef, too.
		if words := strings.Trim(text[at[2]:at[3]], ":"); !strings.ContainsAny(words, "0123456789") && strings.Count(words, ":") < 3 {
			return keep
		}
		return group{at[0], at[1], m.put(Address, text[at[0]:at[1]], hostMask)}
	})
}

// partOfVersion reports whether a number is part of a version, such as 1.2.3.4 in
// v1.2.3.4, 1.2.3.4-rc1, 1.2.3.4.5 and Chrome/1.2.3.4.
func partOfVersion(text string, from, to int) bool {
	if from > 0 {
		c := text[from-1]
		if isWord(c) || c == '.' || c == '/' && from > 1 && isWord(text[from-2]) {
			return true
		}
	}
	if to == len(text) {
		return false
	}
	next := byte(' ')
	if to+1 < len(text) {
		next = text[to+1]
	}
	return isWord(text[to]) || (text[to] == '.' || text[to] == '-' || text[to] == '+') && isAlnum(next)
}

package redact

import (
	"strings"
)

// knownHosts masks the hosts of the target and of the probed URLs everywhere,
// including longer host names that contain them. A host of a single word may
// also be a package's name: it is masked only before a port.
func knownHosts(m *masker, text string) string {
	for _, host := range m.hosts {
		text = m.known(text, host, func(text string, from, to int) (int, int, bool) {
			if from > 0 && isAlnum(text[from-1]) || to < len(text) && isAlnum(text[to]) {
				return 0, 0, false
			}
			from, to = wholeHost(text, from, to)
			return from, to, !importPath(text, from, to)
		})
	}
	for _, name := range m.names {
		text = m.known(text, name, func(text string, from, to int) (int, int, bool) {
			port := to+1 < len(text) && text[to] == ':' && '0' <= text[to+1] && text[to+1] <= '9'
			return from, to, port && begins(text, from) && (from == 0 || strings.IndexByte("./)*", text[from-1]) < 0)
		})
	}
	return text
}

// known masks the occurrences of a host, or the ranges around them, for which
// decide returns a range.
func (m *masker) known(text, host string, decide func(text string, from, to int) (int, int, bool)) string {
	low := lower(text)
	if !strings.Contains(low, host) {
		return text
	}
	var out strings.Builder
	last := 0
	for i := 0; ; {
		at := strings.Index(low[i:], host)
		if at < 0 {
			break
		}
		from, to, yes := decide(text, i+at, i+at+len(host))
		i += at + 1
		if !yes || from < last {
			continue
		}
		out.WriteString(text[last:from] + m.put(kindOf(host), text[from:to], hostMask))
		last, i = to, max(i, to)
	}
	out.WriteString(text[last:])
	return out.String()
}

// wholeHost extends a part of a host name to all its labels.
func wholeHost(text string, from, to int) (int, int) {
	label := func(c byte) bool { return isWord(c) || c == '-' }
	for from > 1 && text[from-1] == '.' && label(text[from-2]) {
		for from--; from > 0 && label(text[from-1]); from-- {
		}
	}
	for to+1 < len(text) && text[to] == '.' && label(text[to+1]) {
		for to++; to < len(text) && label(text[to]); to++ {
		}
	}
	return from, to
}

// importPath reports whether a host is the first element of an import path or
// of a module's folder, not the address of a server.
func importPath(text string, from, to int) bool {
	return strings.HasPrefix(text[to:], "/") && !strings.HasSuffix(text[:from], "//") && !strings.HasSuffix(text[:from], "@")
}

// saidForms lists texts that name a host: those of Go's resolver, dialer and
// certificates, of drivers and shells, and names that only a host can have.
var saidForms = []form{
	newForm("lookup ", `lookup ([^\s:"']+) on `),
	newForm("lookup ", `lookup ([^\s:"']+): (?:no such host|i/o timeout|server misbehaving|operation was canceled|no answer|Temporary|Name|nodename|device|too many|cannot|invalid)`),
	newForm("no such host: ", `no such host: ([^\s:,"']+)`),
	newForm("tcp|udp", `(?:tcp|udp)[46]? ([^\s:,"'()\[\]]+):\d`),
	newForm("tcp|udp", `(?:tcp|udp)[46]?\(([^):\s/]+)`),
	newForm("=", `(?i)(?:host|hostname|hostaddr|server|addr|address)=([^\s&;,"':)\[\]]+)`),
	newForm("valid for ", `valid for ([\w*.-]+(?:, [\w*.-]+)*), not `),
	newForm("valid for ", `valid for \[host\], not ([\w.-]*\w)`),
	newForm("to match ", `to match ([\w-]+(?:\.[\w-]+)+)`),
	newForm("'@'", `'@'([^'\s]+)'`),
	newForm("[host]:", `\[host\]:\d+ \(([\w.-]*\w)\)`),
	newForm("timesink-", `timesink-([A-Za-z0-9.-]+?)(?:-\d{1,5})?-\d{8}T\d{6}Z`),
	newForm(".internal|.local|.lan|.corp|.intranet|.consul|.svc|.amazonaws",
		`((?:[a-z0-9_-]+\.){2,}(?:internal|local|localdomain|lan|corp|intranet|consul|svc|amazonaws\.com))(?:$|[^\w./-]|\.(?:$|\s))`),
	newForm(":", `((?:[a-z0-9_-]+\.)+([a-z]{2,})):\d{2,5}`), // a position in a file looks similar
}

var topLevels = func() map[string]bool {
	of := map[string]bool{}
	for _, name := range strings.Fields("com net org edu gov mil int info biz io dev app cloud internal local localdomain lan corp intranet consul svc test example " +
		"de uk eu us fr it es nl be ch at pl cz se no fi dk ru ua jp cn kr in au nz ca br mx za tr ie pt gr ro hu") {
		of[name] = true
	}
	return of
}()

// saidHosts masks hosts that are not known from the manifest.
func saidHosts(m *masker, text string) string {
	for i := range saidForms {
		text = saidForms[i].replace(text, func(text string, at []int) group {
			if !begins(text, at[0]) && text[at[0]] != '\'' {
				return keep
			}
			if len(at) > 4 && (!topLevels[text[at[4]:at[5]]] || at[0] > 0 && strings.IndexByte("./)*$@", text[at[0]-1]) >= 0) {
				return keep
			}
			host := text[at[2]:at[3]]
			if harmless(host) {
				return keep
			}
			return group{at[2], at[3], m.host(host)}
		})
	}
	return text
}

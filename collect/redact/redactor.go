package redact

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"timesink/collect/capture"
)

// A Kind is a sort of private text.
type Kind string

// The kinds, in the order in which they are listed.
const (
	Host    Kind = "host name"
	Address Kind = "address"
	Query   Kind = "query string"
	User    Kind = "user name"
	Home    Kind = "home directory"
	Header  Kind = "header value"
	Secret  Kind = "secret"
	Email   Kind = "e-mail address"
	Value   Kind = "value"
)

var kinds = []Kind{Host, Address, Query, User, Home, Header, Secret, Email, Value}

// What stands in the place of private text. None holds anything that a rule would
// mask again.
const (
	hostMask  = "[host]"
	queryMask = "[query]"
	userMask  = "[user]"
	homeMask  = "[home]"
	valueMask = "[value]"
	emailMask = "[email]"
)

// A Redactor masks what is private in texts about some captures. It may be used
// by several goroutines.
type Redactor struct {
	hosts []string // with a dot or a colon in it, lower case: masked wherever they stand
	names []string // of a single word, lower case: masked where they are a host
}

// New returns the redactor for captures with those manifests; a bare trace has
// none.
func New(of ...*capture.Manifest) *Redactor {
	r := &Redactor{}
	for _, m := range of {
		if m == nil {
			continue
		}
		r.know(m.Target)
		for _, u := range m.Asked.URLs {
			r.know(u.Host)
		}
	}
	for _, list := range []*[]string{&r.hosts, &r.names} {
		// The longest first, lest a part of one is masked and the rest shows.
		slices.SortFunc(*list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		*list = slices.Compact(*list)
	}
	return r
}

// know remembers the host of a URL.
func (r *Redactor) know(text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Contains(u.Host, hostMask) {
		return
	}
	host := lower(strings.TrimSuffix(u.Hostname(), "."))
	switch {
	case host == "" || harmless(host):
	case strings.ContainsAny(host, ".:"):
		r.hosts = append(r.hosts, host)
	default:
		r.names = append(r.names, host)
	}
}

// harmless tells the hosts that are the same everywhere, and the mask.
func harmless(host string) bool {
	host = strings.TrimSuffix(lower(host), ".")
	if host == hostMask || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && sameEverywhere(addr)
}

func sameEverywhere(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsUnspecified()
}

// lower is strings.ToLower for ASCII, which leaves every byte where it is.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// longest is how many bytes of a text are looked at. What is longer is no path and
// no message, and is masked as a whole.
const longest = 64 << 10

// Text returns the text with what is private masked. The same text always gives
// the same, and what has been masked stays as it is.
func (r *Redactor) Text(text string) string {
	masked, _ := r.mask(text)
	return masked
}

// A hit is something private that was found in a text.
type hit struct {
	kind  Kind
	value string
}

// mask also tells what it masked.
func (r *Redactor) mask(text string) (string, []hit) {
	if len(text) > longest {
		return valueMask, []hit{{Value, "a text of more than 64 KB"}}
	}
	m := &masker{Redactor: r}
	// What one rule masked may show to another what it did not see before.
	for range 8 {
		next := text
		for _, rule := range rules {
			next = rule(m, next)
		}
		if next == text {
			return text, m.hits
		}
		text = next
	}
	return text, m.hits
}

// A masker is the work on one text.
type masker struct {
	*Redactor
	hits []hit
}

// put is the mask for a private text, which is noted; of one that is the mask
// already nothing is.
func (m *masker) put(kind Kind, value, mask string) string {
	if value != mask {
		m.hits = append(m.hits, hit{kind, value})
	}
	return mask
}

// host masks a host, if it is not the same everywhere.
func (m *masker) host(host string) string {
	if harmless(host) {
		return host
	}
	return m.put(kindOf(host), host, hostMask)
}

func kindOf(host string) Kind {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return Address
	}
	return Host
}

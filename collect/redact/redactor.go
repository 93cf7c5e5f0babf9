package redact

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"timesink/collect/capture"
)

// A Kind is a kind of private text.
type Kind string

// The kinds, in the order of lists.
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

// The masks that replace private text. No mask contains anything that a rule would
// mask again.
const (
	hostMask  = "[host]"
	queryMask = "[query]"
	userMask  = "[user]"
	homeMask  = "[home]"
	valueMask = "[value]"
	emailMask = "[email]"
)

// A Redactor masks private data in texts about certain captures. It is safe for
// concurrent use.
type Redactor struct {
	hosts []string // with a dot or a colon, in lower case: masked everywhere
	names []string // a single word, in lower case: masked only where it is a host
}

// New returns the Redactor for captures with the given manifests. It ignores nil
// manifests, those of bare traces.
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
		// Longest first, or a masked part would leave the rest visible.
		slices.SortFunc(*list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		*list = slices.Compact(*list)
	}
	return r
}

// know adds the host of a URL.
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

// harmless reports whether a host is the same everywhere, or is the mask.
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

// lower is strings.ToLower for ASCII only, so that byte offsets stay the same.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// longest is the largest text that is examined, in bytes. A longer one is neither
// a path nor a message and is masked as a whole.
const longest = 64 << 10

// Text returns the text with private data masked. It is deterministic and
// idempotent: masked text stays as it is.
func (r *Redactor) Text(text string) string {
	masked, _ := r.mask(text)
	return masked
}

// A hit is a piece of private data found in a text.
type hit struct {
	kind  Kind
	value string
}

// mask is Text, and also returns what it masked.
func (r *Redactor) mask(text string) (string, []hit) {
	if len(text) > longest {
		return valueMask, []hit{{Value, "a text of more than 64 KB"}}
	}
	m := &masker{Redactor: r}
	// Masking by one rule may let another rule match.
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

// A masker masks one text.
type masker struct {
	*Redactor
	hits []hit
}

// put records a private text and returns its mask. It records nothing if the text
// is the mask already.
func (m *masker) put(kind Kind, value, mask string) string {
	if value != mask {
		m.hits = append(m.hits, hit{kind, value})
	}
	return mask
}

// host masks a host unless it is harmless.
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

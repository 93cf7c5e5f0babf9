package collect

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"timesink/collect/capture"
)

// A route is one URL to probe. Its pattern may contain {name} in the path and
// the query; each probe uses the next value of each name.
type route struct {
	name    string // method and path pattern: "GET /v1/vin/{vin}"
	host    string // the part before the path, as displayed
	pattern string // the whole requested URL, without user
	query   int    // index of the query in pattern, len(pattern) if none
	user    *url.Userinfo
	values  map[string][]string
	next    int // number of probes made so far
	window  int // number of those in the window
}

var placeholder = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// newRoute parses a URL to probe.
func newRoute(method, s string, values map[string][]string) (*route, error) {
	const op = "parse the URL to probe"
	u, err := parseURL(op, s)
	if err != nil {
		return nil, err
	}
	r := &route{name: method + " " + pathPattern(u), host: origin(u), user: u.User, values: make(map[string][]string)}
	socket, _ := socketPath(u.Host)
	if placeholder.MatchString(u.Host + socket) {
		return nil, configError(op+" "+shown(u), "a {name} in the host", "names are allowed in the path and the query")
	}
	// Keep the path as written: url.URL would escape the braces.
	r.pattern = u.Scheme + "://" + u.Host + pathPattern(u)
	r.query = len(r.pattern)
	if u.RawQuery != "" {
		r.pattern += "?" + u.RawQuery
	}
	for _, m := range placeholder.FindAllStringSubmatch(r.pattern, -1) {
		name := m[1]
		if len(values[name]) == 0 {
			return nil, configError(op+" "+r.host+pathPattern(u), "no values for {"+name+"}", "give a file with one value per line: --values "+name+"=FILE")
		}
		r.values[name] = values[name]
	}
	return r, nil
}

// pathPattern returns a URL's path with its braces unescaped.
func pathPattern(u *url.URL) string {
	p := u.EscapedPath()
	if p == "" {
		return "/"
	}
	return strings.NewReplacer("%7B", "{", "%7D", "}").Replace(p)
}

// url returns the URL of the next probe.
func (r *route) url() string {
	i := r.next
	r.next++
	var b strings.Builder
	end := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(r.pattern, -1) {
		values := r.values[r.pattern[m[2]:m[3]]]
		value := values[i%len(values)]
		b.WriteString(r.pattern[end:m[0]])
		if m[0] < r.query {
			b.WriteString(url.PathEscape(value))
		} else {
			b.WriteString(url.QueryEscape(value))
		}
		end = m[1]
	}
	b.WriteString(r.pattern[end:])
	return b.String()
}

// routes parses the URLs of a configuration.
func (p Probing) routes() ([]*route, error) {
	method := p.method()
	if method != http.MethodGet && method != http.MethodHead && !p.AllowUnsafe && len(p.URLs) > 0 {
		return nil, configError("probe with "+method, "it may change data in the service", "allow it with --allow-unsafe if that is intended")
	}
	var routes []*route
	for _, s := range p.URLs {
		r, err := newRoute(method, s, p.Values)
		if err != nil {
			return nil, err
		}
		routes = append(routes, r)
	}
	for name := range p.Values {
		if !slices.ContainsFunc(routes, func(r *route) bool { return r.values[name] != nil }) {
			return nil, configError("fill the URLs to probe", fmt.Sprintf("none of them contains {%s}", name), "write the name in braces where the values go: http://host/path/{"+name+"}")
		}
	}
	return routes, nil
}

// asked returns the manifest's entries for the routes.
func asked(routes []*route) []capture.AskedURL {
	var urls []capture.AskedURL
	for _, r := range routes {
		urls = append(urls, capture.AskedURL{Route: r.name, Host: r.host})
	}
	return urls
}

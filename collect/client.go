package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 15 * time.Second // for small requests; a busy service is slow to answer
)

// A client requests the endpoints below a target's index.
type client struct {
	target Target
	http   *http.Client
	once   *http.Client // for requests that must not be sent again
	agent  string
	scrub  scrubber
	// patience is the longest wait that an overloaded service may ask for.
	patience time.Duration
}

func newClient(t Target, tool capture.Tool) (*client, error) {
	if t.base.Host == "" {
		return nil, configError("collect", "no target", "give host:port")
	}
	transport, err := newTransport(t.TLS)
	if err != nil {
		return nil, err
	}
	// On a connection that was used before, a transport sends a request again if the
	// connection ends without an answer. The trace of the first one may still run then.
	once := transport.Clone()
	once.DisableKeepAlives = true
	return &client{
		target: t,
		http:   &http.Client{Transport: transport, CheckRedirect: keepRedirect},
		once:   &http.Client{Transport: once, CheckRedirect: keepRedirect},
		agent:  userAgent(tool),
		scrub:  newScrubber(t.secrets()...),

		patience: usualWait,
	}, nil
}

// Transport returns a transport with this tool's limits and a target's TLS options.
func Transport(t TLS) (*http.Transport, error) { return newTransport(t) }

// newTransport returns a transport that does not ask for compression, so that
// a trace arrives as the service wrote it.
func newTransport(t TLS) (*http.Transport, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  proxyOf,
		DialContext:            dialSockets((&net.Dialer{Timeout: dialTimeout}).DialContext),
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeaders,
	}, nil
}

// keepRedirect does not follow redirects: credentials must not be sent to
// another place, and a login page is not the service.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func userAgent(tool capture.Tool) string {
	version := tool.Version
	if version == "" {
		version = "devel"
	}
	return "timesink/" + version
}

// getOnce is getBy on a connection of its own, so that the request is sent only once.
func (c *client) getOnce(ctx context.Context, endpoint string) (*http.Response, error) {
	return c.getBy(ctx, c.once, endpoint)
}

// getBy requests an endpoint, such as "trace?seconds=5". An answer with any
// status is not an error. The caller must close its body.
func (c *client) getBy(ctx context.Context, by *http.Client, endpoint string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.target.url(endpoint), nil)
	if err != nil {
		return nil, configError(c.op(endpoint), "not a URL", "write the target as host:port")
	}
	req.Header.Set("User-Agent", c.agent)
	a := c.target.Access
	switch {
	case a.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+string(a.Bearer))
	case a.Username != "" || a.Password != "":
		req.SetBasicAuth(a.Username, string(a.Password))
	}
	setHost(req)
	setHeader(req, a.Header)
	resp, err := by.Do(req)
	if err != nil {
		return nil, c.failed(endpoint, endedBy(ctx, err))
	}
	return resp, nil
}

func setHeader(req *http.Request, h Header) {
	for name, values := range h {
		req.Header.Del(name)
		for _, v := range values {
			req.Header.Add(name, string(v))
			if name == "Host" {
				req.Host = string(v)
			}
		}
	}
}

// An answer is an endpoint's response, as far as it was read.
type answer struct {
	status int
	header http.Header
	body   []byte
	more   bool // the body is longer than the part that was read
	err    error
	took   time.Duration
}

// fetch requests an endpoint and reads at most limit bytes of its answer. The
// answer's err explains a status other than 200.
func (c *client) fetch(ctx context.Context, endpoint string, limit int64) answer {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	resp, err := c.patiently(ctx, endpoint, c.patience)
	if err != nil {
		return answer{err: err, took: time.Since(begin)}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = bounded.ReadAll(resp.Body, limit)
	if errors.Is(err, bounded.ErrTooLarge) {
		a.more, err = true, nil
	}
	a.took = time.Since(begin)
	switch {
	case a.status != http.StatusOK:
		a.err = c.refused(endpoint, resp, a.body)
	case err != nil:
		a.err = c.failed(endpoint, endedBy(ctx, err))
	}
	return a
}

// refused returns the error for an answer with a status other than 200.
func (c *client) refused(endpoint string, resp *http.Response, body []byte) error {
	location := ""
	if u, err := url.Parse(resp.Header.Get("Location")); err == nil && u.String() != "" {
		location = c.scrub.text(shown(resp.Request.URL.ResolveReference(u)))
	}
	err := statusFault(resp.StatusCode, resp.Header, location, c.scrub.text(quote(body)))
	if name, _, _ := strings.Cut(endpoint, "?"); name == "trace" && errors.Is(err, ErrNotFound) && ofPprof(resp.Header) {
		err = &capture.Error{Err: err.(*capture.Error).Err, Hint: c.target.traceHint()}
	}
	return withOp(c.op(endpoint), err)
}

// failed returns the error for a request that got no answer.
func (c *client) failed(endpoint string, err error) error {
	err = reachFault(err)
	if text := err.Error(); c.scrub.text(text) != text {
		return withOp(c.op(endpoint), newFault(ErrUnreachable, capture.Hint(err), "%s", c.scrub.text(text)))
	}
	return withOp(c.op(endpoint), err)
}

// notTrace returns the error for an answer with status 200 that is not a
// trace.
func (c *client) notTrace(endpoint string, head []byte) error {
	looks := capture.Sniff(head)
	if len(head) == 0 {
		looks = capture.Looks{What: "nothing at all"}
	}
	seen := "the service answered HTTP 200 with " + looks.What
	if text := quote(head); text != "" && utf8.Valid(head) {
		seen += fmt.Sprintf(" (%q)", c.scrub.text(text))
	}
	return withOp(c.op(endpoint), newFault(capture.ErrNotTrace, "a handler other than net/http/pprof's answers there: "+pprofHint, "%s", seen))
}

// op describes the operation and its object, for errors.
func (c *client) op(endpoint string) string {
	name, _, _ := strings.Cut(endpoint, "?")
	if name == "" {
		name = "the pprof index"
	}
	return fmt.Sprintf("get %s of %s", name, c.target)
}

var (
	htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlTag   = regexp.MustCompile(`(?s)<(script|style)\b.*?</(script|style)>|<[^>]*>`)
)

// quote shortens a server's answer to one line: the title of a page, or else
// its text.
func quote(body []byte) string {
	if m := htmlTitle.FindSubmatch(body); m != nil {
		body = m[1]
	} else if capture.Sniff(body).What == "an HTML page" {
		body = htmlTag.ReplaceAll(body, []byte(" "))
	}
	if len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	line := strings.Join(strings.FieldsFunc(string(bytes.ToValidUTF8(body, nil)), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	const most = 160
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most-1]) + "…"
	}
	return line
}

package send

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"timesink/collect"
	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// A server is a destination that takes items over HTTP.
type server struct {
	kind   Kind
	url    *url.URL
	access Access
	client *http.Client
	scrub  func(string) string
}

// usualPath is used where the user's URL has none.
func openHTTP(kind Kind, place, usualPath string, access Access) (Destination, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, unfit(string(kind)+"=…", "it is no http:// or https:// URL", "write it as "+string(kind)+"=http://host:port")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = usualPath
	}
	transport, err := collect.Transport(access.TLS)
	if err != nil {
		return nil, err
	}
	s := &server{kind: kind, url: u, access: access}
	// A redirect would take the credentials to another place.
	s.client = &http.Client{Transport: transport, Timeout: answerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var secrets []collect.Secret
	for _, values := range access.Header {
		secrets = append(secrets, values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, collect.Secret(u.User.Username()), collect.Secret(password))
	}
	for name, values := range u.Query() {
		for _, v := range values {
			if collect.NamesSecret(name) {
				secrets = append(secrets, collect.Secret(v))
			}
		}
	}
	s.scrub = collect.Scrub(append(secrets, collect.PathSecrets(u)...)...)
	return s, nil
}

// answerTimeout is how long sending an item may take.
const answerTimeout = time.Minute

func (s *server) Kind() Kind { return s.kind }

// String leaves out the user, and masks what else looks like a secret.
func (s *server) String() string {
	shown := *s.url
	shown.User = nil
	return string(s.kind) + "=" + s.scrub(shown.String())
}

// Send posts an item.
func (s *server) Send(ctx context.Context, i Item) error {
	body, err := i.open()
	if err != nil {
		return err
	}
	defer body.Close()
	req, err := s.request(ctx, i, body)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the URL
		}
		return s.failed(&failure{kind: ErrUnreachable, said: s.scrub(err.Error())}, "check that it runs there; what was not sent is kept")
	}
	defer resp.Body.Close()
	said, _ := bounded.ReadAll(resp.Body, mostSaid)
	return s.judge(resp, said)
}

// mostSaid is how much of an answer is read, mostContent the largest item that is sent over
// HTTP, in bytes.
const (
	mostSaid    = 64 << 10
	mostContent = 256 << 20
)

func (s *server) request(ctx context.Context, i Item, body io.Reader) (*http.Request, error) {
	content, err := bounded.ReadAll(body, mostContent)
	if err != nil {
		return nil, err
	}
	u, media := *s.url, i.Type
	query := u.Query()
	for name, value := range i.Query {
		query.Set(name, value)
	}
	u.RawQuery, u.User = query.Encode(), nil
	var packed []byte
	if s.kind == Pyroscope {
		packed, media, err = form(content)
	} else {
		packed, err = zipped(content)
	}
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	if s.url.User != nil {
		password, _ := s.url.User.Password()
		req.SetBasicAuth(s.url.User.Username(), password)
	}
	for name, values := range s.access.Header {
		for _, v := range values {
			req.Header.Add(name, string(v))
		}
	}
	req.Header.Set("User-Agent", s.access.Agent)
	req.Header.Set("Content-Type", media)
	if s.kind == OTLP {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

func zipped(content []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(content)
	err = errors.Join(err, z.Close())
	return buf.Bytes(), err
}

// form returns a profile as Pyroscope's own clients send it: as the file profile of a form,
// with a description of its sample types. Without one, the server knows only its own names.
func form(profile []byte) (body []byte, media string, err error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part := func(name, file string, content []byte) {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, name, file))
		h.Set("Content-Type", "application/octet-stream")
		p, created := w.CreatePart(h)
		if created == nil {
			_, created = p.Write(content)
		}
		err = errors.Join(err, created)
	}
	part("profile", "profile.pprof", profile)
	part("sample_type_config", "sample_type_config.json", []byte(sampleTypes))
	err = errors.Join(err, w.Close())
	return buf.Bytes(), w.FormDataContentType(), err
}

// sampleTypes describes the sample types of wall time and CPU profiles.
const sampleTypes = `{"wall":{"units":"nanoseconds","display-name":"wall","aggregation":"sum"},` +
	`"cpu":{"units":"nanoseconds","display-name":"cpu","aggregation":"sum"},` +
	`"samples":{"units":"samples","display-name":"samples","aggregation":"sum","sampled":true}}`

// judge returns the error for an answer, nil if the item was taken.
func (s *server) judge(resp *http.Response, said []byte) error {
	code := resp.StatusCode
	words := s.scrub(oneLine(said))
	answer := strings.TrimSpace(fmt.Sprintf("status %s %s", resp.Status, words))
	switch {
	case code >= 200 && code < 300:
		if s.kind == OTLP {
			if n, why := rejected(resp.Header.Get("Content-Type"), said); n > 0 {
				return s.failed(&failure{kind: ErrRefused, said: s.scrub(fmt.Sprintf("%d spans are rejected: %s", n, why))}, "the rest was taken")
			}
		}
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return s.failed(&failure{kind: ErrUnauthorized, said: answer}, "give the credentials in $TIMESINK_PUSH_HEADER or with --push-header-file; what was not sent is kept")
	case code >= 300 && code < 400:
		return s.failed(&failure{kind: ErrMissing, said: answer}, "it answers with a redirect: give the address that it leads to")
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return s.failed(&failure{kind: ErrMissing, said: answer}, "check the path of the URL; what was not sent is kept")
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return s.failed(&failure{kind: ErrUnreachable, said: answer, after: waitAsked(resp.Header, time.Now())}, "what was not sent is kept")
	}
	return s.failed(&failure{kind: ErrRefused, said: answer}, "")
}

func (s *server) failed(err error, hint string) error {
	return &capture.Error{Op: "push to " + s.String(), Err: err, Hint: hint}
}

// waitAsked returns how long an answer asks to wait, in seconds or as a date; 0 if it does not.
func waitAsked(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// oneLine returns the beginning of an answer.
func oneLine(said []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(said), "�")), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

package engines

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"timesink/collect/capture"
	"timesink/collect/send"
)

const accessKey, secretKey = "AKIATEST", "s3cret-k3y-0123456789"

// s3Server starts a server with one bucket that checks signatures, and sets the environment
// as its users do.
func s3Server(t *testing.T) (s *httptest.Server, files *s3mem.Backend) {
	t.Helper()
	files = s3mem.New()
	if err := files.CreateBucket("evidence"); err != nil {
		t.Fatal(err)
	}
	s = httptest.NewServer(signed(gofakes3.New(files).Server()))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	return s, files
}

// signed refuses requests that are not signed with the secret key, as Amazon's servers do
// (Signature Version 4).
func signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := "AccessDenied"
		if m := authorization.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			key, scope, headers, signature := m[1], m[2], m[3], m[4]
			code = "InvalidAccessKeyId"
			if key == accessKey {
				code = "SignatureDoesNotMatch"
				if hmac.Equal([]byte(signature), []byte(signatureOf(r, scope, headers))) {
					next.ServeHTTP(w, r)
					return
				}
			}
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
	})
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// signatureOf returns the signature that a request should have.
func signatureOf(r *http.Request, scope, headers string) string {
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20"))
	for name := range strings.SplitSeq(headers, ";") {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", headers, r.Header.Get("X-Amz-Content-Sha256"))
	sum := sha256.Sum256([]byte(canonical.String()))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.Header.Get("X-Amz-Date"), scope, sum)
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") { // date, region, service, aws4_request
		key = mac(key, part)
	}
	return fmt.Sprintf("%x", mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// put stores a text and reports whether that changed anything.
func put(t *testing.T, store send.Store, name, text string) (changed bool, err error) {
	t.Helper()
	f, err := store.Create(t.Context(), name)
	if err != nil {
		return false, err
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	return f.Commit(t.Context())
}

// A file that is in the bucket already is not sent again.
func TestABucket(t *testing.T) {
	_, files := s3Server(t)
	store, err := send.OpenStore("s3://evidence/rows")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true} {
		text := strings.Repeat("rows", 1000+i/2)
		changed, err := put(t, store, "cases/service=x/date=2026-11-29/ts-1.parquet", text)
		if err != nil || changed != want {
			t.Fatalf("storing it for the %d. time changed something: %v, %v", i+1, changed, err)
		}
		object, err := files.GetObject("evidence", "rows/cases/service=x/date=2026-11-29/ts-1.parquet", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(object.Contents); err != nil || string(got) != text {
			t.Errorf("the bucket holds %d bytes: %v", len(got), err)
		}
		object.Contents.Close()
	}
}

// What is wrong with a bucket is said, without a secret, and with what to do.
func TestBucketsThatRefuse(t *testing.T) {
	for _, c := range []struct {
		name, at, key, secret string
		kind                  error
		hint                  string
	}{
		{"no bucket", "s3://other/rows", accessKey, secretKey, send.ErrMissing, "create the bucket other"},
		{"a wrong secret", "s3://evidence/rows", accessKey, "an0ther-secret-9876543210", send.ErrUnauthorized, "check the credentials"},
		{"an unknown key", "s3://evidence/rows", "AKIAOTHER", secretKey, send.ErrUnauthorized, "check the credentials"},
		{"no credentials", "s3://evidence/rows", "", "", send.ErrUnauthorized, "set AWS_ACCESS_KEY_ID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s3Server(t)
			t.Setenv("AWS_ACCESS_KEY_ID", c.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.secret)
			store, err := send.OpenStore(c.at)
			if err != nil {
				t.Fatal(err)
			}
			_, err = put(t, store, "a", "b")
			if err == nil || !errors.Is(err, c.kind) || !strings.Contains(capture.Hint(err), c.hint) || c.secret != "" && strings.Contains(err.Error(), c.secret) {
				t.Errorf("%v\nhint: %s", err, capture.Hint(err))
			}
		})
	}
	s, _ := s3Server(t)
	store, err := send.OpenStore("s3://evidence")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err = put(t, store, "a", "b"); !errors.Is(err, send.ErrUnreachable) {
		t.Errorf("a server that is down: %v", err)
	}
}

// Export writes to a bucket what it writes to a folder.
func TestExportToABucket(t *testing.T) {
	_, files := s3Server(t)
	list := timesink(t, "export", filepath.Join(recorded, "query-per-item.zip"), "-o", "s3://evidence/rows")
	again := timesink(t, "export", filepath.Join(recorded, "query-per-item.zip"), "-o", "s3://evidence/rows")
	if list != again || strings.Count(list, "\n") != 6 {
		t.Errorf("export wrote\n%s, and then\n%s", list, again)
	}
	dir := t.TempDir()
	timesink(t, "export", filepath.Join(recorded, "query-per-item.zip"), "-o", dir)
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		object, err := files.GetObject("evidence", "rows/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(object.Contents)
		object.Contents.Close()
		want, err2 := os.ReadFile(filepath.Join(dir, name))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the folder's: %v, %v", name, err, err2)
		}
	}
}

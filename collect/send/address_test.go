package send_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"timesink/collect/send"
)

// Addresses of buckets that cannot be meant are errors before anything is asked.
func TestAddressesOfBuckets(t *testing.T) {
	for _, at := range []string{"s3://", "s3:///x", "s3://key:secret@bucket/x", "s3://bucket?acl=public", "s3://bucket?endpoint=ftp://x", "s3://bucket?endpoint=http://k:s@host"} {
		if _, err := send.OpenStore(at); err == nil || hint(err) == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// Without credentials, or without a server, there is an error of its own. The tests in
// cmd/internal/engines have a real server.
func TestBucketsThatCannotBeAsked(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	for key, want := range map[string]error{"": send.ErrUnauthorized, "AKIATEST": send.ErrUnreachable} {
		t.Setenv("AWS_ACCESS_KEY_ID", key)
		t.Setenv("AWS_SECRET_ACCESS_KEY", key)
		f, err := folderOf(t, "s3://bucket/rows?endpoint="+s.URL).Create(t.Context(), "a/b")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, "text")
		if _, err := f.Commit(t.Context()); !errors.Is(err, want) || hint(err) == "" {
			t.Errorf("with the key %q: %v", key, err)
		}
	}
}

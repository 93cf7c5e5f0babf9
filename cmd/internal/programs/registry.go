package programs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"timesink/analyze/breakdown"
)

// blob is what is stored in the registry, and digest its name there.
var (
	blob   = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
)

// registry is the registry of container images.
var registry = Program{
	Name: "registry", Package: "github.com/distribution/distribution/v3/cmd/registry", Version: "v3.1.2",
	Own:   "github.com/distribution/distribution/v3",
	Start: startRegistry,
	Traffic: []Route{
		{Name: "blob", Path: "/v2/shop/blobs/" + digest, Rate: 40, Clients: 2, Blocks: true,
			Endpoint: "github.com/distribution/distribution/v3/registry/handlers.(*blobHandler).GetBlob"},
		{Name: "blob_upload", Method: http.MethodPost, Path: "/v2/shop/blobs/uploads/", Rate: 20, Clients: 2, Blocks: true,
			Endpoint: "github.com/distribution/distribution/v3/registry/handlers.(*blobUploadHandler).StartBlobUpload",
			Split:    map[breakdown.Bucket]float64{breakdown.File: 0.2}},
	},
}

func startRegistry(p Place) (Running, error) {
	address, debug := p.Free(), p.Free()
	config := filepath.Join(p.Folder, "config.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: %s
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: %s
  secret: none
  debug:
    addr: %s
    prometheus:
      enabled: true
      path: /metrics
otel:
  disabled: true
`, filepath.Join(p.Folder, "data"), address, debug), 0o644)
	base := "http://" + address
	return Running{
		Args:  []string{"serve", config},
		Env:   []string{"OTEL_TRACES_EXPORTER=none"},
		Pprof: "http://" + debug, Base: base, Ready: base + "/v2/",
		Prepare: func(ctx context.Context) error { return push(ctx, base) },
		Count: scrape("http://"+debug+"/metrics", map[string]Series{
			"blob":        {"registry_http_request_duration_seconds", []string{`handler="blob"`, `method="get"`}},
			"blob_upload": {"registry_http_request_duration_seconds", []string{`handler="blob_upload"`, `method="post"`}},
		}),
	}, err
}

// push stores the blob.
func push(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v2/shop/blobs/uploads/?digest="+digest, bytes.NewReader(blob))
	if err != nil {
		return err
	}
	post.Header.Set("Content-Type", "application/octet-stream")
	resp, err := http.DefaultClient.Do(post)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil
	}
	put, err := http.NewRequestWithContext(ctx, http.MethodPut, resp.Header.Get("Location")+"&digest="+digest, bytes.NewReader(blob))
	if err != nil {
		return err
	}
	put.Header.Set("Content-Type", "application/octet-stream")
	if resp, err = http.DefaultClient.Do(put); err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("PUT of the blob: %s", resp.Status)
	}
	return nil
}

package release_test

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"timesink/cmd/internal/release/yamlfile"
)

// A plugin is a manifest of krew, kubectl's plugin manager, as its API v1alpha2 defines it.
type plugin struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Version, Homepage string
		ShortDescription  string `yaml:"shortDescription"`
		Description       string
		Platforms         []struct {
			Selector struct {
				MatchLabels struct{ OS, Arch string } `yaml:"matchLabels"`
			}
			URI, SHA256, Bin string
			Files            []struct{ From, To string }
		}
	}
}

// plugin makes the manifest from the release's checksums, and installs this machine's
// platform from it as krew does: it downloads the archive, checks it, takes the files out,
// and links the binary as kubectl-timesink.
func (r *release) plugin(t *testing.T, targets []target) {
	server := httptest.NewServer(http.StripPrefix("/releases/download/"+tag+"/", http.FileServer(http.Dir(r.folder))))
	defer server.Close()
	manifest := filepath.Join(t.TempDir(), "timesink.yaml")
	cmd := exec.Command("bash", filepath.Join(root, ".ci", "krew"), tag, server.URL+"/", filepath.Join(r.folder, r.Checksum.NameTemplate))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, out, 0o644); err != nil {
		t.Fatal(err)
	}
	var p plugin
	yamlfile.DecodeStrictly(t, manifest, &p)
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" || p.Metadata.Name != "timesink" || p.Spec.Version != tag || p.Spec.ShortDescription == "" || len(p.Spec.ShortDescription) > 60 {
		t.Errorf("%+v", p)
	}
	if len(p.Spec.Platforms) != len(targets) {
		t.Errorf("the manifest has %d platforms, the release %d", len(p.Spec.Platforms), len(targets))
	}
	for _, x := range p.Spec.Platforms {
		resp, err := http.Get(x.URI)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || fmt.Sprintf("%x", sha256.Sum256(data)) != x.SHA256 {
			t.Errorf("%s: %s, %v, or another checksum", x.URI, resp.Status, err)
			continue
		}
		folder := t.TempDir()
		for _, f := range x.Files {
			if err := extract(filepath.Join(r.folder, path.Base(x.URI)), f.From, filepath.Join(folder, f.To, f.From)); err != nil {
				t.Errorf("%s: %v", x.URI, err)
			}
		}
		if own := targets[0]; x.Selector.MatchLabels.OS != own.os || x.Selector.MatchLabels.Arch != own.arch || own.os == "windows" {
			continue
		}
		link := filepath.Join(folder, "kubectl-timesink")
		if err := os.Symlink(filepath.Join(folder, x.Bin), link); err != nil {
			t.Fatal(err)
		}
		help, err := exec.Command(link, "run", "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(help), "kubectl timesink run --k8s") {
			t.Errorf("%v\n%s", err, help)
		}
	}
}

// extract takes a file out of an archive.
func extract(archive, name, to string) error {
	from, err := opened(archive, name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(from)
	return errors.Join(err, os.WriteFile(to, data, 0o755))
}

func opened(archive, name string) (io.Reader, error) {
	if strings.HasSuffix(archive, ".zip") {
		z, err := zip.OpenReader(archive)
		if err != nil {
			return nil, err
		}
		return z.Open(name)
	}
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		h, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if h.Name == name {
			return files, nil
		}
	}
}

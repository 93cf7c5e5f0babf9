// Package release tests what surrounds the code: the release that .goreleaser.yaml
// describes, its installation, the example pipelines, and the move to another module
// path; package workflows tests the workflows and issue forms. It is a separate module, so that the tool's
// module does not require the checkers.
//
// Without -whole it builds the command for this machine only; with it, the whole
// release.
package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

var whole = flag.Bool("whole", false, "build the release for every system, not only this one")

// root returns the project's folder.
const root = "../../.."

// most is the largest size of a binary, in bytes. The largest, for windows/amd64, has 32.3 MB.
// Of 30.0 MB for linux/amd64, parquet-go was 7.3 and minio-go 3.3: each is the difference that
// the library makes to the stripped binary.
const most = 34_000_000

const (
	tag    = "v0.0.0-check"
	commit = "0123abcd"
)

// A target is a system for which a release is built.
type target struct{ os, arch string }

// A release is the content of .goreleaser.yaml and the folder for its archives.
type release struct {
	config.Project
	folder string
}

// load reads .goreleaser.yaml as goreleaser does, and rejects unknown keys.
func load(t *testing.T) *release {
	t.Helper()
	p, err := config.Load(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Version != 2 || len(p.Builds) != 1 || len(p.Archives) != 1 || len(p.SBOMs) != 1 || len(p.DockersV2) != 1 {
		t.Fatalf("version %d, %d builds, %d archives, %d SBOMs, %d images", p.Version, len(p.Builds), len(p.Archives), len(p.SBOMs), len(p.DockersV2))
	}
	return &release{p, t.TempDir()}
}

// targets returns all systems of the release, this machine's first.
func (r *release) targets() []target {
	own := target{runtime.GOOS, runtime.GOARCH}
	list := []target{own}
	for _, goos := range r.Builds[0].Goos {
		for _, goarch := range r.Builds[0].Goarch {
			if x := (target{goos, goarch}); x != own {
				list = append(list, x)
			}
		}
	}
	return list
}

// expand executes a template as goreleaser does, with the fields that the project's
// templates use.
func expand(t *testing.T, text string, at target) string {
	t.Helper()
	tmpl, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = tmpl.Execute(&b, map[string]any{
		"Tag": tag, "Version": strings.TrimPrefix(tag, "v"), "ShortCommit": commit, "CommitTimestamp": "1700000000",
		"Os": at.os, "Arch": at.arch, "Env": map[string]string{"TIMESINK_IMAGE": "image"},
	})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return b.String()
}

// build builds the command for a system, with the release's flags.
func (r *release) build(t *testing.T, at target) (exe string) {
	t.Helper()
	b := r.Builds[0]
	exe = filepath.Join(r.folder, at.os+"-"+at.arch, b.Binary)
	if at.os == "windows" {
		exe += ".exe"
	}
	args := append([]string{"build", "-buildvcs=false", "-o", exe}, b.Flags...)
	for _, flags := range b.Ldflags {
		args = append(args, "-ldflags", expand(t, flags, at))
	}
	cmd := exec.Command("go", append(args, b.Main)...)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), b.Env...), "GOOS="+at.os, "GOARCH="+at.arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building for %s/%s: %v\n%s", at.os, at.arch, err, out)
	}
	return exe
}

// archive returns the name of a system's archive.
func (r *release) archive(t *testing.T, at target) string {
	t.Helper()
	a := r.Archives[0]
	format := a.Formats[0]
	for _, o := range a.FormatOverrides {
		if o.Goos == at.os {
			format = o.Formats[0]
		}
	}
	return expand(t, a.NameTemplate, at) + "." + format
}

// pack writes the archive of a binary.
func (r *release) pack(t *testing.T, at target, exe string) (path string) {
	t.Helper()
	path = filepath.Join(r.folder, r.archive(t, at))
	files := map[string]string{filepath.Base(exe): exe}
	names := []string{filepath.Base(exe)}
	for _, f := range r.Archives[0].Files {
		files[f.Source] = filepath.Join(root, f.Source)
		names = append(names, f.Source)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(out)
	asTar, asZip := tar.NewWriter(z), zip.NewWriter(out)
	for _, name := range names {
		data, err := os.ReadFile(files[name])
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".zip") {
			w, errCreate := asZip.Create(name)
			if err = errCreate; err == nil {
				_, err = w.Write(data)
			}
		} else if err = asTar.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}); err == nil {
			_, err = asTar.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasSuffix(path, ".zip") {
		err = asZip.Close()
	} else {
		err = errors.Join(asTar.Close(), z.Close())
	}
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRelease builds the release's binaries, checks each one, writes the archives and
// their checksums, and installs from them as the README describes.
func TestRelease(t *testing.T) {
	r := load(t)
	targets := r.targets()
	if !*whole {
		targets = targets[:1]
	}
	var sums strings.Builder
	for _, at := range targets {
		t.Run(at.os+" "+at.arch, func(t *testing.T) {
			exe := r.build(t, at)
			checkBinary(t, exe, at)
			path := r.pack(t, at, exe)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(path))
		})
	}
	if t.Failed() {
		return
	}
	if r.Checksum.Algorithm != "sha256" {
		t.Errorf("the checksums are %s", r.Checksum.Algorithm)
	}
	if err := os.WriteFile(filepath.Join(r.folder, r.Checksum.NameTemplate), []byte(sums.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	r.install(t)
	r.plugin(t, targets)
}

// checkBinary checks what a release promises of each binary: its size, that it is
// static, that it has no symbols, and that it contains no path of the machine that
// built it.
func checkBinary(t *testing.T, exe string, at target) {
	t.Helper()
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s/%s: %.1f MB\n", at.os, at.arch, float64(len(data))/1e6)
	if len(data) > most {
		t.Errorf("it has %d bytes, more than %d", len(data), most)
	}
	folder, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(folder+string(filepath.Separator))) {
		t.Errorf("it contains the path %s", folder)
	}
	info, err := buildinfo.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["-trimpath"] != "true" || settings["CGO_ENABLED"] != "0" || settings["GOOS"] != at.os || settings["GOARCH"] != at.arch {
		t.Errorf("it was built with %v", settings)
	}
	for _, m := range info.Deps {
		if slices.Contains([]string{"github.com/json-iterator/go", "go.opentelemetry.io/collector/pdata"}, m.Path) {
			t.Errorf("it contains %s, which only one format would need", m.Path)
		}
	}
	if at.os != "linux" {
		return
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("it needs %v, %v: an image from scratch has none", libs, err)
	}
	if _, err := f.Symbols(); !errors.Is(err, elf.ErrNoSymbols) {
		t.Errorf("it has symbols: %v", err)
	}
}

// install runs the README's command for this system against a server with the release,
// and the commands that verify the result.
func (r *release) install(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile("(?m)^\\| (Linux|macOS|Windows) \\| `(.*)` \\|$").FindAllStringSubmatch(string(readme), -1)
	if len(lines) != 3 {
		t.Fatalf("the README has %d lines to install a release", len(lines))
	}
	var archives []string
	for _, at := range r.targets() {
		archives = append(archives, r.archive(t, at))
	}
	own := r.archive(t, r.targets()[0])
	for _, line := range lines {
		name := regexp.MustCompile(`timesink_\w+\.(tar\.gz|zip)`).FindString(line[2])
		if !slices.Contains(archives, name) {
			t.Errorf("%s: the release has no %q", line[1], name)
		}
		if strings.HasSuffix(own, ".zip") || strings.HasSuffix(name, ".zip") {
			continue
		}
		// The command for the other Unix, with this system's archive.
		r.run(t, strings.NewReplacer(name, own, `\|`, "|").Replace(line[2]))
	}
}

func (r *release) run(t *testing.T, line string) {
	server := httptest.NewServer(http.StripPrefix("/releases/latest/download/", http.FileServer(http.Dir(r.folder))))
	defer server.Close()
	dir := t.TempDir()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", line+"\n./timesink --version\n"+
		`curl -fsSL "$TIMESINK_REPOSITORY/releases/latest/download/checksums.txt" > "$SUMS"; cd "$RELEASE"; sha256sum --check --strict "$SUMS"`)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TIMESINK_REPOSITORY="+server.URL, "RELEASE="+r.folder, "SUMS="+filepath.Join(dir, "sums"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "timesink "+tag+" (commit "+commit+")") {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}

// TestTheImage checks that the image contains the release's files and is built for its
// systems.
func TestTheImage(t *testing.T) {
	r := load(t)
	image := r.DockersV2[0]
	text, err := os.ReadFile(filepath.Join(root, image.Dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"FROM scratch", "COPY $TARGETPLATFORM/" + r.Builds[0].Binary + " /", "ENTRYPOINT [\"/" + r.Builds[0].Binary + "\"]"} {
		if !strings.Contains(string(text), "\n"+line) {
			t.Errorf("the image has no %q:\n%s", line, text)
		}
	}
	for _, platform := range image.Platforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		if !slices.Contains(r.targets(), target{goos, goarch}) {
			t.Errorf("the image is for %s, but the release is not", platform)
		}
	}
	for _, text := range slices.Concat(image.Images, image.Tags) {
		if cmp.Or(expand(t, text, target{}), "none") == "none" {
			t.Errorf("%q is empty", text)
		}
	}
}

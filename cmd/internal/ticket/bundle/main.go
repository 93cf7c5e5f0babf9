// Bundle builds the script and the style of the report's page from report/web/src and
// the libraries that package-lock.json pins, and the text with the licenses of the
// bundled libraries. The output is deterministic.
//
//	go run ./bundle FOLDER
//
// FOLDER is report/web; npm ci must have been run there.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: bundle FOLDER")
		return 2
	}
	if err := bundle(args[0]); err != nil {
		fmt.Fprintln(stderr, "bundle:", err)
		return 1
	}
	return 0
}

// bundle writes folder/dist.
func bundle(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		return fmt.Errorf("finding the libraries: %w (npm ci in %s installs them)", err, folder)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     folder,
		EntryPoints:       []string{"src/page.ts"},
		Bundle:            true,
		Outdir:            "dist",
		Format:            api.FormatIIFE,
		Target:            api.ES2020,
		Charset:           api.CharsetASCII,
		LegalComments:     api.LegalCommentsNone, // LICENSES.txt has them in full
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Metafile:          true,
		LogLevel:          api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		return errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	licenses, err := licensesOf(folder, result.Metafile)
	if err != nil {
		return err
	}
	for _, f := range append(result.OutputFiles, api.OutputFile{Path: filepath.Join(folder, "dist", "LICENSES.txt"), Contents: licenses}) {
		if err := embeddable(f); err != nil {
			return err
		}
		if err := os.WriteFile(f.Path, f.Contents, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// embeddable returns an error if something in a script or a style would end the
// element in which the page embeds it.
func embeddable(f api.OutputFile) error {
	for _, end := range []string{"</script", "</style", "<!--"} {
		if strings.Contains(strings.ToLower(string(f.Contents)), end) {
			return fmt.Errorf("%s holds %q, which a page cannot embed", filepath.Base(f.Path), end)
		}
	}
	return nil
}

// A library is an npm package that is in the bundle.
type library struct{ Name, Version, License string }

// licensesOf returns the licenses of the packages whose files are in the bundle, each
// text once.
func licensesOf(folder, metafile string) ([]byte, error) {
	var meta struct {
		Outputs map[string]struct {
			Inputs map[string]struct{ BytesInOutput int }
		}
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, fmt.Errorf("reading what is in the bundle: %w", err)
	}
	names := map[string]bool{}
	for _, out := range meta.Outputs {
		for input, of := range out.Inputs {
			if rest, ok := strings.CutPrefix(input, "node_modules/"); ok && of.BytesInOutput > 0 {
				names[packageOf(rest)] = true
			}
		}
	}
	by := map[string][]string{} // the text → the libraries
	for name := range names {
		l, text, err := licenseOf(filepath.Join(folder, "node_modules", filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("the license of %s: %w", name, err)
		}
		by[text] = append(by[text], fmt.Sprintf("%s %s (%s)", l.Name, l.Version, l.License))
	}
	var parts []string
	for text, libraries := range by {
		slices.Sort(libraries)
		parts = append(parts, strings.Join(libraries, "\n")+"\n\n"+text+"\n")
	}
	slices.Sort(parts)
	return []byte(strings.Join(parts, "\n"+strings.Repeat("-", 60)+"\n\n")), nil
}

// packageOf returns the package of a path below node_modules.
func packageOf(path string) string {
	parts := strings.Split(path, "/")
	if strings.HasPrefix(path, "@") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func licenseOf(dir string) (l library, text string, err error) {
	manifest, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return l, "", err
	}
	if err := json.Unmarshal(manifest, &l); err != nil {
		return l, "", err
	}
	found, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	if err != nil || len(found) != 1 {
		return l, "", fmt.Errorf("%d files LICENSE in the package: %w", len(found), errors.Join(err, os.ErrNotExist))
	}
	license, err := os.ReadFile(found[0])
	return l, strings.TrimSpace(strings.ReplaceAll(string(license), "\r\n", "\n")), err
}

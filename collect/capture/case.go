package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// Case returns a name for the evidence that is derived from its content: "ts-"
// and twelve hexadecimal digits. Copies of a capture have the same case, whatever
// their file names, and so does a redacted copy. For a bare trace, Case reads the
// whole trace.
func (c *Capture) Case() (string, error) {
	if c.whole != nil {
		return c.whole.Case()
	}
	if c.manifest != nil && c.manifest.Redacted != nil && c.manifest.Redacted.Case != "" {
		return c.manifest.Redacted.Case, nil
	}
	parts, err := c.Checksums()
	if err != nil {
		return "", err
	}
	var lines []string
	for _, p := range parts {
		if kind, _ := KindOf(p.Name); kind.Derived {
			continue
		}
		lines = append(lines, p.Name+" "+strings.ToLower(p.SHA256)+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return "ts-" + hex.EncodeToString(sum[:6]), nil
}

// Checksums returns the parts in the capture, by the names of their files, with their sizes
// and checksums. They come from the manifest or, if it has none, as for an unfinished folder
// or a bare trace, are computed from the content.
func (c *Capture) Checksums() ([]Part, error) {
	names := c.Parts()
	if c.manifest == nil {
		names = []string{TracePart}
	}
	var parts []Part
	for _, name := range names {
		p := Part{Name: name}
		if c.manifest != nil {
			p = *c.manifest.Part(name)
		}
		if p.SHA256 == "" {
			var err error
			if p.Size, p.SHA256, err = c.checksum(name); err != nil {
				return nil, err
			}
		}
		p.Name = c.file(name)
		parts = append(parts, p)
	}
	return parts, nil
}

func (c *Capture) checksum(name string) (int64, string, error) {
	r, err := c.Part(name)
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, r)
	return size, hex.EncodeToString(sum.Sum(nil)), err
}

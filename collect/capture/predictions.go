package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"timesink/collect/bounded"
)

// Predictions that were made on a capture are no evidence: they are made from it. Those made
// when it was collected are a part of it. Later ones are kept in a file beside it, because a
// finished capture is never changed.

// Limits on predictions that are read, in bytes.
const (
	maxPredictions = 8 << 20
	maxPrediction  = 1 << 20 // of one line
)

// besidePath returns the name of the file with the predictions that are kept beside the
// capture at path.
func besidePath(path string) string {
	return strings.TrimSuffix(path, PartialSuffix) + "." + PredictionsPart
}

// EachPrediction calls each with one prediction after another, a line of JSON, until it
// returns an error: first with those in the capture, then with those kept beside it. What
// cannot be read is left out with a warning.
func (c *Capture) EachPrediction(each func(line []byte) error) error {
	r, err := c.Part(PredictionsPart)
	if err == nil {
		err = c.predictions(r, each)
		r.Close()
	}
	if err != nil && !errors.Is(err, ErrNoPart) || !c.besides {
		return ignore(err, ErrNoPart)
	}
	f, err := os.Open(besidePath(c.path))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.warn("predictions-damaged", "the predictions beside the capture cannot be read: %v", plain(err))
		}
		return nil
	}
	defer f.Close()
	return c.predictions(f, each)
}

func ignore(err, this error) error {
	if errors.Is(err, this) {
		return nil
	}
	return err
}

// predictions reads predictions from r.
func (c *Capture) predictions(r io.Reader, each func(line []byte) error) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxPredictions))
	lines.Buffer(nil, maxPrediction)
	for lines.Scan() {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := each(line); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		c.warn("predictions-damaged", "some predictions made on the capture cannot be read: %v", err)
	}
	return nil
}

// PredictedBeside reports whether predictions are kept beside the capture.
func (c *Capture) PredictedBeside() bool {
	if !c.besides {
		return false
	}
	info, err := os.Stat(besidePath(c.path))
	return err == nil && info.Mode().IsRegular()
}

// KeepPredictions keeps predictions, each a line of JSON, in a file beside the capture, in
// one rename. Those that are kept already, there or in the capture, are not added again. It
// does nothing for a capture without a name, such as one read from standard input.
func (c *Capture) KeepPredictions(list ...[]byte) error {
	if !c.besides {
		return nil
	}
	var known [][]byte
	err := c.EachPrediction(func(line []byte) error {
		known = append(known, slices.Clone(line))
		return nil
	})
	if err != nil {
		return err
	}
	path := besidePath(c.path)
	text, err := readPredictions(path)
	if err != nil {
		return &Error{Op: "write " + path, Err: plain(err), Hint: "remove it if you no longer need the predictions in it"}
	}
	had := len(text)
	for _, line := range list {
		if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, line) }) {
			known = append(known, line)
			text = append(append(text, line...), '\n')
		}
	}
	if len(text) == had {
		return nil
	}
	if len(text) > maxPredictions {
		return &Error{Op: "write " + path, Err: fmt.Errorf("it would have more than %d bytes", maxPredictions), Hint: "remove it if you no longer need the predictions in it"}
	}
	return replaceFile(path, text)
}

// readPredictions returns the content of a file of predictions that ends with a whole line,
// nil if there is no such file.
func readPredictions(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := bounded.ReadAll(f, maxPredictions)
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	return text, err
}

// replaceFile gives a file a new content, in one rename.
func replaceFile(path string, text []byte) error {
	failed := func(err error) error {
		return &Error{Op: "write " + path, Err: plain(err), Hint: "check the folder, its permissions, and the space left on the disk"}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return failed(err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return failed(err)
	}
	return nil
}

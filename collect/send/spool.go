package send

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// An Item is something to send, with what its destination needs to know of it. It is on
// disk or in memory until it has been sent.
type Item struct {
	// To is the destination, without secrets, as Destination.String gives it.
	To string `json:"to"`
	// Name identifies the item at the destination: the same evidence has the same name.
	Name string `json:"name"`
	Case string `json:"case"`
	// Type is the media type, Query is added to the destination's URL.
	Type  string            `json:"type,omitempty"`
	Query map[string]string `json:"query,omitempty"`

	open func() (io.ReadCloser, error)
}

// NewItem returns an item for a destination. open opens its content, as often as it is
// called.
func NewItem(to Destination, caseID, name string, open func() (io.ReadCloser, error)) Item {
	return Item{To: to.String(), Case: caseID, Name: name, open: open}
}

// id names the item's files: one for each destination and name.
func (i *Item) id() string {
	sum := sha256.Sum256([]byte(i.To + "\x00" + i.Name))
	return hex.EncodeToString(sum[:12])
}

// A Spool keeps items on disk until they have been sent, within a limit. Several processes
// may use one spool at a time: an item may then be sent twice.
type Spool struct {
	dir  string
	most int64 // bytes
}

// ErrSpoolFull says that an item would exceed the spool's limit.
var ErrSpoolFull = errors.New("the spool is full")

// mostHead is the largest description of an item, in bytes.
const mostHead = 64 << 10

const (
	headEnding = ".json"
	bodyEnding = ".data"
)

// OpenSpool returns the spool in a folder, which need not exist yet. It holds up to most
// bytes.
func OpenSpool(dir string, most int64) *Spool { return &Spool{dir, most} }

// Dir returns the spool's folder.
func (s *Spool) Dir() string { return s.dir }

// Add keeps an item, unless it is kept already. If it does not fit, or the disk is full, the
// spool is as before.
func (s *Spool) Add(i Item) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return s.failed(err)
	}
	if _, err := os.Stat(s.path(i.id(), headEnding)); err == nil {
		return nil
	}
	used, err := s.Size()
	if err != nil {
		return s.failed(err)
	}
	body, err := i.open()
	if err != nil {
		return err
	}
	defer body.Close()
	head, err := json.Marshal(i)
	if err != nil {
		return err
	}
	room := s.most - used - int64(len(head))
	err = s.put(s.path(i.id(), bodyEnding), io.LimitReader(body, max(room, 0)+1), room)
	if err == nil {
		err = s.put(s.path(i.id(), headEnding), strings.NewReader(string(head)), int64(len(head)))
	}
	if err != nil {
		s.Remove(i)
		return s.failed(err)
	}
	return nil
}

// put writes a file of at most that many bytes, whole or not at all.
func (s *Spool) put(at string, content io.Reader, most int64) error {
	temp, err := os.CreateTemp(s.dir, ".*.partial")
	if err != nil {
		return err
	}
	n, err := io.Copy(temp, content)
	if err == nil && n > most {
		err = ErrSpoolFull
	}
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), at)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}

func (s *Spool) failed(err error) error {
	hint := "choose another folder with --spool"
	switch {
	case errors.Is(err, ErrSpoolFull):
		err, hint = ErrSpoolFull, "allow more with --spool-size, or send what is there: any later run with the same --push does"
	case capture.IsDiskFull(err):
		hint = "free some space, or choose a folder on another disk with --spool"
	}
	return &capture.Error{Op: "keep it in " + s.dir, Err: capture.Plain(err), Hint: hint}
}

// Remove removes an item. It does not mind if it is gone.
func (s *Spool) Remove(i Item) {
	os.Remove(s.path(i.id(), headEnding)) // first: a body without a head is not an item
	os.Remove(s.path(i.id(), bodyEnding))
}

// List returns the items for the destinations that to names, the oldest first.
func (s *Spool) List(to ...string) ([]Item, error) {
	type aged struct {
		Item
		age int64
	}
	var list []aged
	err := s.each(func(name string, info fs.FileInfo) {
		id, ok := strings.CutSuffix(name, headEnding)
		if !ok {
			return
		}
		head, err := os.Open(s.path(id, headEnding))
		if err != nil {
			return // sent by another process
		}
		text, err := bounded.ReadAll(head, mostHead)
		head.Close()
		if err != nil {
			return
		}
		var i Item
		if json.Unmarshal(text, &i) != nil || i.id() != id || !slices.Contains(to, i.To) {
			return
		}
		i.open = func() (io.ReadCloser, error) { return os.Open(s.path(id, bodyEnding)) }
		list = append(list, aged{i, info.ModTime().UnixNano()})
	})
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(cmp.Compare(a.age, b.age), cmp.Compare(a.Name, b.Name)) })
	var items []Item
	for _, a := range list {
		items = append(items, a.Item)
	}
	return items, err
}

// Size returns how many bytes the spool holds.
func (s *Spool) Size() (sum int64, err error) {
	err = s.each(func(_ string, info fs.FileInfo) { sum += info.Size() })
	return sum, err
}

// each calls f with the spool's files.
func (s *Spool) each(f func(name string, info fs.FileInfo)) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			f(e.Name(), info)
		}
	}
	return err
}

func (s *Spool) path(id, ending string) string { return filepath.Join(s.dir, id+ending) }

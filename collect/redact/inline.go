package redact

import (
	"encoding/binary"
	"io"
)

// The event types of Go 1.21 and before that contain text, and the limits of that
// format (internal/trace/tracev1 in the Go tree). The two upper bits of a type
// are how many numbers follow besides the time; 3 means that their length in
// bytes comes first.
const (
	v1Batch   = 1
	v1String  = 37 // number, length, text
	v1UserLog = 48 // after its numbers: length, text
	v1Count   = 50

	v1MaxArgs = 2048
	v1MaxText = 1_000_000
)

// inline rewrites the format of Go 1.21 and before: a sequence of events, with
// the strings among them.
func (t *rewriter) inline() error {
	for n := 0; ; n++ {
		if n%4096 == 0 && t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		whole, err := t.inlineEvent()
		if err != nil || !whole {
			return ended(err)
		}
	}
}

// inlineEvent copies an event and reports whether it was complete. After an
// incomplete event the rest cannot be parsed.
func (t *rewriter) inlineEvent() (whole bool, err error) {
	first, err := t.in.ReadByte()
	if err != nil {
		return false, err
	}
	t.out.WriteByte(first)
	typ, count := first&0x3f, int(first>>6)+1
	switch {
	case typ == 0 || typ >= v1Count:
		return false, nil
	case typ == v1String:
		if _, whole, err = t.number(true); err != nil || !whole {
			return whole, err
		}
		return t.inlineText(t.name)
	case typ == v1Batch:
		count = 2
	case count > 3:
		length, whole, err := t.number(true)
		if err != nil || !whole || length > v1MaxArgs {
			return false, err
		}
		if _, err := io.CopyN(t.out, t.in, int64(length)); err != nil {
			return false, err
		}
		if typ == v1UserLog {
			return t.inlineText(t.message)
		}
		return true, nil
	}
	for range count {
		if _, whole, err := t.number(true); err != nil || !whole {
			return whole, err
		}
	}
	return true, nil
}

// inlineText copies a text's length and the masked text. Of a text that is cut
// off it copies only the length, so that readers notice the loss.
func (t *rewriter) inlineText(mask func(string) string) (whole bool, err error) {
	length, whole, err := t.number(false)
	if err != nil || !whole {
		return whole, err
	}
	text := make([]byte, min(length, v1MaxText+1))
	if _, err := io.ReadFull(t.in, text); err != nil || length > v1MaxText {
		t.out.Write(binary.AppendUvarint(nil, length))
		return false, cutOff(err)
	}
	masked := mask(string(text))
	t.out.Write(binary.AppendUvarint(nil, uint64(len(masked))))
	t.out.WriteString(masked)
	return true, nil
}

// number reads a number, and copies it if copied is set.
func (t *rewriter) number(copied bool) (v uint64, whole bool, err error) {
	in := &batches{r: t.in}
	v, raw, err := in.uvarint(nil)
	if copied {
		t.out.Write(raw)
	}
	return v, err == nil, cutOff(err)
}

// cutOff returns nil for an input that ends early, and other errors unchanged.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

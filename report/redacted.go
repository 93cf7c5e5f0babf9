package report

import (
	"reflect"

	"timesink/analyze/breakdown"
)

// Redacted is a copy of the answer and of single requests with every text passed
// through mask, for readers who should not see what is private. Causes that were
// one are one in the copy.
func Redacted(b *breakdown.Breakdown, specimens []breakdown.Specimen, mask func(string) string) (*breakdown.Breakdown, []breakdown.Specimen) {
	c := newCopier(mask)
	b, specimens = copyOf(c, b), copyOf(c, specimens)
	b.Source.Redacted = true
	return b, specimens
}

// RedactedComparison is the same for what changed between two sides.
func RedactedComparison(b *breakdown.Comparison, mask func(string) string) *breakdown.Comparison {
	b = copyOf(newCopier(mask), b)
	b.Before.Source.Redacted, b.After.Source.Redacted = true, true
	return b
}

// A copier copies values, their strings masked. It goes by their types, so that a
// field that is added later is masked too. What a package does not export, as the
// counts of a histogram, holds no text and stays shared.
type copier struct {
	mask  func(string) string
	texts map[string]string     // the masked ones: stacks say the same again and again
	made  map[any]reflect.Value // the copies, by the pointer to what they are of
}

func newCopier(mask func(string) string) copier {
	return copier{mask: mask, texts: map[string]string{}, made: map[any]reflect.Value{}}
}

func (c copier) text(text string) string {
	masked, ok := c.texts[text]
	if !ok {
		masked = c.mask(text)
		c.texts[text] = masked
	}
	return masked
}

func copyOf[T any](c copier, value T) T {
	return c.copy(reflect.ValueOf(&value).Elem()).Interface().(T)
}

func (c copier) copy(from reflect.Value) reflect.Value {
	to := reflect.New(from.Type()).Elem()
	to.Set(from)
	switch from.Kind() {
	case reflect.String:
		to.SetString(c.text(from.String()))
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(c.pointed(from))
		}
	case reflect.Struct:
		for i := range from.NumField() {
			if from.Type().Field(i).IsExported() {
				to.Field(i).Set(c.copy(from.Field(i)))
			}
		}
	case reflect.Slice:
		if !from.IsNil() {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
			c.elements(from, to)
		}
	case reflect.Array:
		c.elements(from, to)
	case reflect.Map:
		if !from.IsNil() {
			to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
			for entries := from.MapRange(); entries.Next(); {
				to.SetMapIndex(c.copy(entries.Key()), c.copy(entries.Value()))
			}
		}
	case reflect.Interface:
		if !from.IsNil() {
			to.Set(c.copy(from.Elem()))
		}
	}
	return to
}

func (c copier) elements(from, to reflect.Value) {
	for i := range from.Len() {
		to.Index(i).Set(c.copy(from.Index(i)))
	}
}

// pointed returns a pointer to the copy of what a pointer points to, the same each
// time.
func (c copier) pointed(from reflect.Value) reflect.Value {
	key := from.Interface()
	if made, ok := c.made[key]; ok {
		return made
	}
	to := reflect.New(from.Type().Elem())
	c.made[key] = to
	to.Elem().Set(c.copy(from.Elem()))
	return to
}

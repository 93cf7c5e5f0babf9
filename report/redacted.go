package report

import (
	"fmt"
	"reflect"

	"timesink/analyze/breakdown"
)

// Redacted returns deep copies of the answer and of single requests with every string
// passed through mask, for readers who must not see private data. Causes that are
// shared stay shared in the copy.
func Redacted(b *breakdown.Breakdown, specimens []breakdown.Specimen, mask func(string) string) (*breakdown.Breakdown, []breakdown.Specimen) {
	c := newCopier(mask)
	b, specimens = copyOf(c, b), copyOf(c, specimens)
	b.Source.Redacted = true
	keepApart(b)
	return b, specimens
}

// keepApart numbers the instances whose names are the same once they are masked.
func keepApart(b *breakdown.Breakdown) {
	count := map[string]int{}
	for i := range b.Instances {
		count[b.Instances[i].Name]++
	}
	for i := range b.Instances {
		if in := &b.Instances[i]; count[in.Name] > 1 {
			in.Name = fmt.Sprintf("%s (%d)", in.Name, i+1)
		}
	}
	for i := range b.Odd {
		if o := &b.Odd[i]; o.Instance < len(b.Instances) {
			o.Name = b.Instances[o.Instance].Name
		}
	}
}

// RedactedComparison returns such a copy of a comparison.
func RedactedComparison(b *breakdown.Comparison, mask func(string) string) *breakdown.Comparison {
	b = copyOf(newCopier(mask), b)
	b.Before.Source.Redacted, b.After.Source.Redacted = true, true
	return b
}

// A copier makes deep copies with masked strings. It follows types, so a field that is
// added later is masked too. Unexported fields, such as a histogram's counts, hold no
// text and stay shared.
type copier struct {
	mask  func(string) string
	texts map[string]string     // masked strings: stacks repeat them
	made  map[any]reflect.Value // copies, by the pointer to the original
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

// pointed returns a pointer to a copy of what a pointer points to, always the same one.
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

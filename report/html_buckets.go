package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// A paint is a color and a pattern with its name in style sheets.
type paint struct {
	name, light, dark string
	pattern           breakdown.Pattern
}

// paints returns those of the buckets, of the phases with a color of their own, and of
// changes.
func paints() (list []paint) {
	for b := range breakdown.NumBuckets {
		info := b.Info()
		list = append(list, paint{info.Name, info.Light, info.Dark, info.Pattern})
	}
	for p := range breakdown.NumPhases {
		if info := p.Info(); info.Distinct() {
			list = append(list, paint{info.Name, info.Light, info.Dark, info.Pattern})
		}
	}
	// Of a difference. Whoever does not tell red from blue sees the stripes.
	return append(list, paint{"slower", "#b3261e", "#ff9d94", breakdown.Pattern{}},
		paint{"faster", "#1a56a8", "#8ab8ff", breakdown.Pattern{Shape: breakdown.Lines, Size: 8, Ink: 1.5, Turn: 45}})
}

// bucketStyle returns the style sheet of the buckets and the distinct phases. Each has its
// color as a variable, such as --db, and two classes that fill an area: .c-db with the
// color alone, and .b-db with the pattern over it. It comes before the page's own style,
// which can override it.
func bucketStyle() string {
	var light, dark, classes strings.Builder
	for _, p := range paints() {
		fmt.Fprintf(&light, "--%s:%s;", p.name, p.light)
		fmt.Fprintf(&dark, "--%s:%s;", p.name, p.dark)
		fill := fmt.Sprintf("var(--%s)", p.name)
		fmt.Fprintf(&classes, ".c-%s{fill:%s}", p.name, fill)
		if p.pattern.Shape != breakdown.Plain {
			fill = fmt.Sprintf("url(#p-%s)", p.name)
		}
		fmt.Fprintf(&classes, ".b-%s{fill:%s}", p.name, fill)
	}
	return ":root{" + light.String() + "}@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}" + classes.String()
}

// A patternView is one tile of a pattern in SVG. Lengths are in pixels.
type patternView struct {
	Bucket              string
	Size, Ink           float64
	Turn                int
	Upright, Level, Dot bool // shapes in the tile
	Middle, Radius      float64
}

// bucketPatterns returns the patterns that bucketStyle refers to.
func bucketPatterns() (list []patternView) {
	for _, of := range paints() {
		p := of.pattern
		if p.Shape == breakdown.Plain {
			continue
		}
		list = append(list, patternView{
			Bucket: of.name, Size: p.Size, Ink: p.Ink, Turn: p.Turn,
			Upright: p.Shape == breakdown.Lines || p.Shape == breakdown.Grid, Level: p.Shape == breakdown.Grid,
			Dot: p.Shape == breakdown.Dots, Middle: p.Size / 2, Radius: p.Ink / 2,
		})
	}
	return list
}

package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// bucketStyle returns the style sheet of the buckets. Each bucket has its color as a
// variable, such as --db, and two classes that fill an area: .c-db with the color
// alone, and .b-db with the pattern over it. It comes before the page's own style,
// which can override it.
func bucketStyle() string {
	var light, dark, classes strings.Builder
	for b := range breakdown.NumBuckets {
		info := b.Info()
		fmt.Fprintf(&light, "--%s:%s;", info.Name, info.Light)
		fmt.Fprintf(&dark, "--%s:%s;", info.Name, info.Dark)
		fill := fmt.Sprintf("var(--%s)", info.Name)
		fmt.Fprintf(&classes, ".c-%s{fill:%s}", info.Name, fill)
		if info.Pattern.Shape != breakdown.Plain {
			fill = fmt.Sprintf("url(#p-%s)", info.Name)
		}
		fmt.Fprintf(&classes, ".b-%s{fill:%s}", info.Name, fill)
	}
	return ":root{" + light.String() + "}@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}" + classes.String()
}

// A patternView is one tile of a bucket's pattern in SVG. Lengths are in pixels.
type patternView struct {
	Bucket              string
	Size, Ink           float64
	Turn                int
	Upright, Level, Dot bool // shapes in the tile
	Middle, Radius      float64
}

// bucketPatterns returns the patterns that bucketStyle refers to.
func bucketPatterns() (list []patternView) {
	for b := range breakdown.NumBuckets {
		p := b.Info().Pattern
		if p.Shape == breakdown.Plain {
			continue
		}
		list = append(list, patternView{
			Bucket: b.String(), Size: p.Size, Ink: p.Ink, Turn: p.Turn,
			Upright: p.Shape == breakdown.Lines || p.Shape == breakdown.Grid, Level: p.Shape == breakdown.Grid,
			Dot: p.Shape == breakdown.Dots, Middle: p.Size / 2, Radius: p.Ink / 2,
		})
	}
	return list
}

package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A scale is the unit for all times of one block, so that they compare at a glance: 0.4
// ms below 159.3 ms, not 400 µs.
type scale struct {
	unit     string
	ns       float64 // one unit
	decimals int     // of the times in columns
}

// scaleOf chooses the scale for times that add up to ns.
func scaleOf(ns int64) scale {
	switch {
	case ns >= int64(10*time.Second):
		return scale{"s", 1e9, 2}
	case ns >= int64(10*time.Millisecond):
		return scale{"ms", 1e6, 1}
	case ns >= int64(time.Millisecond):
		return scale{"ms", 1e6, 2}
	default:
		return scale{"µs", 1e3, 1}
	}
}

// column returns a time with the scale's decimals, so that times in a column align.
func (s scale) column(ns int64) string {
	return strconv.FormatFloat(float64(ns)/s.ns, 'f', s.decimals, 64) + " " + s.unit
}

// atLeastVisible is like column, but never shows a time that is not zero as zero.
func (s scale) atLeastVisible(ns int64) string {
	smallest := math.Pow10(-s.decimals)
	if v := float64(ns) / s.ns; v > 0 && v < smallest/2 {
		return "<" + strconv.FormatFloat(smallest, 'f', s.decimals, 64) + " " + s.unit
	}
	return s.column(ns)
}

// short returns a time for running text, with three significant digits.
func (s scale) short(ns int64) string { return s.digits(ns, ns) + " " + s.unit }

// change returns "from → to", both with the decimals that suit the larger.
func (s scale) change(from, to int64) string {
	whole := max(from, to)
	return s.digits(from, whole) + " → " + s.digits(to, whole) + " " + s.unit
}

func (s scale) digits(ns, whole int64) string {
	decimals := 2
	switch v := float64(whole) / s.ns; {
	case v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(float64(ns)/s.ns, 'f', min(decimals, max(s.decimals, 1)), 64)
}

// duration returns a time on its own scale, with three significant digits; seconds have
// one decimal.
func duration(ns int64) string {
	switch {
	case ns >= int64(2*time.Minute):
		return time.Duration(ns).Round(time.Second).String()
	case ns >= int64(time.Second):
		return seconds(ns)
	}
	return threeDigits(ns)
}

func seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }

// threeDigits returns a time in the unit that gives it three significant digits.
func threeDigits(ns int64) string {
	v, unit := float64(ns), "ns"
	for _, next := range []string{"µs", "ms", "s"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, next
	}
	decimals := 2
	switch {
	case unit == "ns" || v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + " " + unit
}

// percent returns a share in percent with one decimal. It never rounds up to 100%.
func percent(share float64) string {
	if share < 1 && share > 0.999 {
		share = 0.999
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + "%"
}

// signed returns a change in percent, with its sign.
func signed(change float64) string {
	text := strconv.FormatFloat(math.Abs(100*change), 'f', 1, 64) + "%"
	if text == "0.0%" {
		return text
	}
	if change < 0 {
		return "−" + text
	}
	return "+" + text
}

// count returns a number with thousands separators.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// counted returns a number with the noun in the singular or the plural.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// rate returns a mean number of things per request: 4.0 calls, 1 call, 0.2 calls.
func rate(n float64, one, many string) string {
	if text := strconv.FormatFloat(n, 'f', 1, 64); text != "1.0" {
		return text + " " + many
	}
	return "1 " + one
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

package analyze

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// GateSyntax is the syntax that ParseGate accepts.
const GateSyntax = "[BUCKET] mean|p50|p95|p99 >|< ±N%|±DURATION [@ ENDPOINT]"

// A Gate is a condition on a comparison: it breaks if a quantity changed by more than a
// limit.
type Gate struct {
	text     string
	quantity string // as in breakdown.Change
	more     bool   // breaks above the limit, otherwise below it
	share    float64
	amount   time.Duration
	relative bool // the limit is share, not amount
	endpoint string
}

// ParseGate reads a condition, such as
//
//	p95 > +10%
//	db mean > +5ms @ GET /v1/vin/{vin}
//
// The endpoint is a route, a function, or the end of a function's name. Buckets have
// only a mean, because their percentiles do not add up.
func ParseGate(text string) (Gate, error) {
	g := Gate{text: strings.TrimSpace(text)}
	condition, endpoint, at := strings.Cut(g.text, "@")
	if g.endpoint = strings.TrimSpace(endpoint); at && g.endpoint == "" {
		return Gate{}, g.wrong("an endpoint must follow the @")
	}
	i := strings.IndexAny(condition, "<>")
	if i < 0 {
		return Gate{}, g.wrong("it has no < or >")
	}
	g.more = condition[i] == '>'
	words, limit := strings.Fields(condition[:i]), strings.TrimSpace(condition[i+1:])
	known := func(q string) bool {
		return slices.ContainsFunc(wallQuantities, func(w quantity) bool { return w.name == q })
	}
	var bucket breakdown.Bucket
	switch {
	case len(words) == 1 && known(words[0]):
	case len(words) == 2 && bucket.UnmarshalText([]byte(words[0])) == nil && words[1] == "mean":
	case len(words) == 2 && bucket.UnmarshalText([]byte(words[0])) == nil && known(words[1]):
		return Gate{}, g.wrong("a bucket has only a mean")
	default:
		return Gate{}, g.wrong(fmt.Sprintf("%q is not a quantity", strings.Join(words, " ")))
	}
	g.quantity = strings.Join(words, " ")
	if limit == "" || limit[0] != '+' && limit[0] != '-' {
		return Gate{}, g.wrong("the limit must begin with + or -, because it is a change")
	}
	var err error
	if percent, ok := strings.CutSuffix(limit, "%"); ok {
		g.relative = true
		g.share, err = strconv.ParseFloat(percent, 64)
		g.share /= 100
	} else {
		g.amount, err = time.ParseDuration(limit)
	}
	if err != nil {
		return Gate{}, g.wrong(fmt.Sprintf("%q is neither a percentage nor a duration", limit))
	}
	return g, nil
}

func (g *Gate) wrong(why string) error { return fmt.Errorf("the condition %q: %s", g.text, why) }

func changeOf(e *breakdown.EndpointChange, quantity string) breakdown.Change {
	for i := range e.Wall {
		if e.Wall[i].Quantity == quantity {
			return e.Wall[i]
		}
	}
	for i := range e.Buckets {
		if e.Buckets[i].Quantity == quantity {
			return e.Buckets[i].Change
		}
	}
	return breakdown.Change{Quantity: quantity}
}

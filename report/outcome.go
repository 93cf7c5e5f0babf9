package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// outcomeText says what had been predicted for a change that seems to have been made, and
// what came.
func outcomeText(c *breakdown.Comparison, o *breakdown.Outcome) string {
	f := &o.Forecast
	unit := scaleOf(max(f.Mean.Before, f.Mean.After))
	predicted := fmt.Sprintf("%s (%s)", signedTime(unit, o.Predicted), signed(f.Mean.Share()))
	if l := o.Limited; l != nil && limitedShare(f) != nil {
		predicted = "between " + predicted + " and " + signedTime(unit, *l) + ", if others do not keep their pace,"
	}
	text := predicted + " for " + making(f.Changes)
	if len(c.Endpoints) > 1 {
		text += ", in " + shorten(title(&breakdown.Endpoint{Name: f.Endpoint, Route: f.Route}), 40)
	}
	text += fmt.Sprintf("; measured: %s (%s to %s)", signedTime(unit, o.Measured), signedTime(unit, o.MeasuredLow), signedTime(unit, o.MeasuredHigh))
	if !o.Within() {
		text += ", which is something else"
	}
	var signs []string
	for i := range o.Signs {
		signs = append(signs, signText(&o.Signs[i]))
	}
	text += ". It seems to have been done: " + list(signs) + "."
	if o.Others > 0 {
		text += " Other changes seem to have been made as well; what was measured is that of all."
	}
	if o.OtherLoad {
		text += fmt.Sprintf(" The load differed: %.1f and %.1f requests/s.", c.Before.Rate, c.After.Rate)
	}
	return text
}

// outcome shows a prediction beside what came.
func (t *compared) outcome(o *breakdown.Outcome) error {
	t.text(plain, 0, "predicted: ", outcomeText(t.c, o))
	rows := []row{{cells: []string{"", "before", "predicted", "measured"}}}
	for i := range o.Quantities {
		q := &o.Quantities[i]
		unit := scaleOf(max(q.Before, q.Predicted, q.Measured))
		rows = append(rows, row{cells: []string{q.Quantity, unit.column(q.Before), unit.column(q.Predicted), unit.column(q.Measured)}})
	}
	if err := t.table(2, rows); err != nil {
		return err
	}
	t.line(plain, "")
	return nil
}

// signText says what shows that a change was made.
func signText(s *breakdown.Sign) string {
	ns := func(what string) string {
		return what + " " + scaleOf(int64(max(s.Before, s.After))).change(int64(s.Before), int64(s.After))
	}
	number := func(what, format string) string {
		return what + " " + fmt.Sprintf(format, s.Before) + " → " + fmt.Sprintf(format, s.After)
	}
	switch s.What {
	case breakdown.SignCalls:
		return number("calls per request", "%.1f")
	case breakdown.SignInFlight:
		return number("calls in flight", "%.1f")
	case breakdown.SignDialed:
		return "calls that dial " + percent(s.Before) + " → " + percent(s.After)
	case breakdown.SignPoolWait:
		return ns("waiting for a connection")
	case breakdown.SignWait:
		return ns("waiting for a worker")
	case breakdown.SignLock:
		return ns("waiting for locks")
	case breakdown.SignTime:
		return ns("time in " + placeName(s.At))
	case breakdown.SignProcessors:
		return number("GOMAXPROCS", "%.0f")
	case breakdown.SignRate:
		return number("requests/s", "%.1f")
	}
	return number(s.What, "%g")
}

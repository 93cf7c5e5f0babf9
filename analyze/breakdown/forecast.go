package breakdown

// ForecastSchema names the JSON encoding of a Forecast that is kept with a capture.
const ForecastSchema = "timesink.forecast/1"

// A Forecast is what changes are predicted to do to the requests of one endpoint. It is
// what is kept of a Prediction, to be held against what came. Times are in nanoseconds.
type Forecast struct {
	// Schema and Tool, the version of timesink that made it, are set if it is kept.
	Schema string `json:"schema,omitempty"`
	Tool   string `json:"tool,omitempty"`
	// Finding is the ID of the finding that proposes the changes, "" if a user asked.
	Finding  string          `json:"finding,omitempty"`
	Endpoint string          `json:"endpoint"`
	Route    string          `json:"route,omitempty"`
	Kind     string          `json:"kind,omitempty"`
	Changes  []PlannedChange `json:"changes"`
	// Load is that of the replay, "open" or "closed", and Rate the requests per second
	// before the changes.
	Load string     `json:"load"`
	Rate float64    `json:"requests_per_second"`
	Mean Forecasted `json:"mean"`
	P50  Forecasted `json:"p50"`
	P95  Forecasted `json:"p95"`
}

// A Forecasted is one quantity of the wall time before and after changes.
type Forecasted struct {
	Before  int64    `json:"before_ns"`
	After   int64    `json:"after_ns"`
	AfterCI Interval `json:"after_ci95_ns"`
	// Limited is After if no other system answers more calls at once than it did before.
	// It is nil if they are not asked for more.
	Limited *int64 `json:"limited_ns,omitempty"`
}

// Delta returns the change, in ns.
func (f *Forecasted) Delta() int64 { return f.After - f.Before }

// Share returns the change over Before: -0.5 is half the time.
func (f *Forecasted) Share() float64 { return float64(f.Delta()) / float64(max(1, f.Before)) }

// Same reports whether two forecasts are about the same changes to the same endpoint.
func (f *Forecast) Same(o *Forecast) bool {
	if f.Endpoint != o.Endpoint || f.Kind != o.Kind || len(f.Changes) != len(o.Changes) {
		return false
	}
	for i := range f.Changes {
		if f.Changes[i] != o.Changes[i] {
			return false
		}
	}
	return true
}

// Forecasts returns what the prediction says of each endpoint, those with the most request
// time first.
func (p *Prediction) Forecasts() []Forecast {
	var list []Forecast
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		of := func(value func(*Predicted) (int64, [2]int64)) (f Forecasted) {
			f.Before, _ = value(&e.Before)
			after, ci := value(&e.After)
			f.After, f.AfterCI = after, Interval(ci)
			if e.Limited != nil {
				limited, _ := value(e.Limited)
				f.Limited = &limited
			}
			return f
		}
		list = append(list, Forecast{Endpoint: e.Name, Route: e.Route, Kind: e.Kind, Changes: p.Changes, Load: p.Load, Rate: e.Before.Rate,
			Mean: of(func(p *Predicted) (int64, [2]int64) { return p.Mean, p.MeanCI }),
			P50:  of(func(p *Predicted) (int64, [2]int64) { return p.P50, p.P50CI }),
			P95:  of(func(p *Predicted) (int64, [2]int64) { return p.P95, p.P95CI })})
	}
	return list
}

// SavesBy says how a saving came about.
type SavesBy string

const (
	// ByReplay: the requests were replayed with the change that the finding proposes.
	ByReplay SavesBy = "replay"
	// ByArithmetic: it is the time that the cause accounts for, all else unchanged.
	ByArithmetic SavesBy = "arithmetic"
)

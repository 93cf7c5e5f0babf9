package analyze

import (
	"context"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// A Replay holds the requests of a capture, ready to be replayed with changes.
type Replay struct {
	*replay.Recording
	b *breakdown.Breakdown
}

// NewReplay analyzes a capture and keeps its requests for the replay, with up to a quarter
// of the memory. It returns the answer as well.
func NewReplay(ctx context.Context, c *capture.Capture, opts Options) (*Replay, *breakdown.Breakdown, error) {
	opts = opts.completed()
	opts.record = &recording{memory: opts.Memory / 4}
	b, err := Captures(ctx, []*capture.Capture{c}, opts)
	if err != nil {
		return nil, nil, err
	}
	rec := opts.record.recording(b)
	if rec == nil {
		return nil, nil, &capture.Error{Op: "replay " + c.Path(), Err: capture.ErrNoTrace, Hint: "only a trace shows single requests; timesink explain no-trace"}
	}
	return &Replay{rec, b}, b, nil
}

// Resolve returns the target that a text means, as a Recording does, or the place that a
// finding is about, by its ID.
func (r *Replay) Resolve(text string) (replay.Target, error) {
	for i := range r.b.Causes {
		x := &r.b.Causes[i]
		if x.ID != text {
			continue
		}
		var places []string
		for _, f := range x.Facts {
			if f.Kind == breakdown.FactSite && f.Function != "" && !slices.Contains(places, f.Function) {
				places = append(places, f.Function)
			}
		}
		switch {
		case len(places) > 1:
			return replay.Target{}, &replay.AmbiguousError{Text: text, Matches: places}
		case len(places) == 1:
			return r.Recording.Resolve(places[0])
		}
	}
	return r.Recording.Resolve(text)
}

// Predict replays the capture with changes.
func (r *Replay) Predict(o replay.Options) (*breakdown.Prediction, error) {
	p, err := r.Recording.Predict(o)
	if err != nil {
		return nil, err
	}
	p.Source = r.b.Source
	return p, nil
}

// A recording collects what the replay needs while captures are analyzed: the requests of
// the first one. A nil recording collects nothing.
type recording struct {
	memory   int64
	recorder *replay.Recorder
	window   replay.Window
	ended    bool // the first capture has been read
	made     *replay.Recording
}

// reset forgets what was recorded, because captures are read once more.
func (r *recording) reset() {
	if r != nil {
		*r = recording{memory: r.memory}
	}
}

// begin starts to record, unless a capture has been recorded.
func (r *recording) begin() {
	if r != nil && !r.ended {
		r.recorder = replay.NewRecorder(r.memory)
	}
}

func (r *recording) add(request *breakdown.Request) {
	if r != nil && !r.ended {
		r.recorder.Add(request)
	}
}

func (r *recording) end(sum *timeline.Summary) {
	if r != nil && !r.ended {
		r.window, r.ended = replay.Window{Start: sum.Start, End: sum.End, Processors: sum.GOMAXPROCS, Load: sum.Load}, true
	}
}

// recording returns what was recorded, with the endpoints of the answer. It is nil if no
// trace has been read.
func (r *recording) recording(b *breakdown.Breakdown) *replay.Recording {
	if r == nil || r.recorder == nil {
		return nil
	}
	if r.made != nil {
		return r.made
	}
	routes := map[[2]string]string{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		routes[[2]string{e.Name, e.Kind}] = e.Route
	}
	r.made = r.recorder.Recording(r.window, func(q *breakdown.Request) replay.Endpoint {
		name, kind := b.EndpointOf(q)
		if q.Endpoint == "" {
			name = ""
		}
		return replay.Endpoint{Name: name, Kind: kind, Route: routes[[2]string{name, kind}]}
	})
	return r.made
}

package timeline

import (
	"context"
	"io"
	"sync"
)

// A pipeline reads a trace's generations in order, decodes several at once, and
// hands them on in order.
type pipeline struct {
	s       *splitter
	classes *classes
	cancel  context.CancelFunc
	reading sync.WaitGroup
	spare   chan []record // of generations that were applied
}

// A result is a decoded generation, or why it could not be.
type result struct {
	decoded
	index int
	from  int64 // where in the trace it begins
	err   error
}

// run starts the pipeline. The channel ends after the last generation, after an
// error, or when the context does.
func (p *pipeline) run(ctx context.Context, workers int) <-chan result {
	ctx, p.cancel = context.WithCancel(ctx)
	p.spare = make(chan []record, workers+1)
	out := make(chan result)
	// Each generation's place in the row is a channel of its own. One is being
	// applied, one waits in the row's end, one has been read: the row itself
	// need hold no more than what is left of the workers.
	row := make(chan chan result, max(workers-2, 0))
	p.reading.Go(func() {
		defer close(row)
		for {
			from := p.s.whole
			g, err := p.s.generation()
			if err == io.EOF {
				return
			}
			place := make(chan result, 1)
			select {
			case row <- place:
			case <-ctx.Done():
				return
			}
			if err != nil {
				place <- result{index: g.index, from: from, err: err}
				return
			}
			p.reading.Go(func() {
				var reuse []record
				select {
				case reuse = <-p.spare:
				default:
				}
				d, err := decode(g, p.classes, reuse)
				place <- result{decoded: d, index: g.index, from: from, err: err}
			})
		}
	})
	p.reading.Go(func() {
		defer close(out)
		for place := range row {
			select {
			case out <- <-place:
			case <-ctx.Done():
				return
			}
		}
	})
	return out
}

// recycle takes back the records of a generation that was applied.
func (p *pipeline) recycle(records []record) {
	select {
	case p.spare <- records:
	default:
	}
}

// stop ends the pipeline and waits until it has.
func (p *pipeline) stop() {
	p.cancel()
	p.reading.Wait()
}

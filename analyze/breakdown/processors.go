package breakdown

import (
	"cmp"
	"slices"
)

// Processors is whom the processors worked for, by the CPU samples of the whole process.
type Processors struct {
	// All counts all samples, and Crowded those taken while every processor was busy.
	All     Hits `json:"cpu_samples"`
	Crowded Hits `json:"cpu_samples_while_all_busy"`
	// The collector's samples by its parts: marking by its own goroutines, marking by
	// goroutines that allocate, sweeping, and giving memory back to the kernel.
	Marking    int64 `json:"gc_marking"`
	Assisting  int64 `json:"gc_assisting"`
	Sweeping   int64 `json:"gc_sweeping"`
	Scavenging int64 `json:"gc_scavenging"`
	// Heap is nil if no collection ended in the window.
	Heap *Heap `json:"heap,omitempty"`
	// Jobs are what goroutines that serve no request computed, the one with the most
	// samples first.
	Jobs []Job `json:"jobs"`
}

// Hits counts CPU samples by what they hit. The rest of Total is the scheduler and other
// parts of the runtime, and the requests that observe the service.
type Hits struct {
	Total     int64 `json:"total"`
	Collector int64 `json:"gc"`
	Requests  int64 `json:"requests"`
	Jobs      int64 `json:"jobs"`
}

// Heap is how the garbage collector set its goal. Live and Goal are means over the
// collections that ended in the window, in bytes: what was reachable, and the size of the
// heap at which the next collection was to end.
type Heap struct {
	Collections int64 `json:"collections"`
	Live        int64 `json:"live_bytes"`
	Goal        int64 `json:"goal_bytes"`
}

// A Job is what goroutines that serve no request computed in one function: the service's
// own nearest to the leaf or, if there is none, the one that they began in.
type Job struct {
	Frame          // the line with the most samples
	Root    string `json:"root"` // the function that a goroutine began in
	Samples int64  `json:"samples"`
	Crowded int64  `json:"samples_while_all_busy"`
	// Busy is how long it computed, in ns, in Times stretches: where it rests for less
	// than a fifth of a second, that is one.
	Busy  int64 `json:"busy_ns"`
	Times int64 `json:"times"`
}

// Add adds the samples of another instance.
func (p *Processors) Add(o *Processors) {
	p.All.add(&o.All)
	p.Crowded.add(&o.Crowded)
	p.Marking += o.Marking
	p.Assisting += o.Assisting
	p.Sweeping += o.Sweeping
	p.Scavenging += o.Scavenging
	if h := o.Heap; h != nil {
		sum := Heap{}
		if p.Heap != nil {
			sum = *p.Heap
		}
		n := sum.Collections + h.Collections
		weighed := func(a, b int64) int64 { return (a*sum.Collections + b*h.Collections) / max(n, 1) }
		p.Heap = &Heap{n, weighed(sum.Live, h.Live), weighed(sum.Goal, h.Goal)}
	}
	for _, j := range o.Jobs {
		i := slices.IndexFunc(p.Jobs, func(k Job) bool { return k.Function == j.Function })
		if i < 0 {
			p.Jobs = append(p.Jobs, j)
			continue
		}
		p.Jobs[i].Samples += j.Samples
		p.Jobs[i].Crowded += j.Crowded
		p.Jobs[i].Busy += j.Busy
		p.Jobs[i].Times += j.Times
	}
	p.Sort()
}

func (h *Hits) add(o *Hits) {
	h.Total += o.Total
	h.Collector += o.Collector
	h.Requests += o.Requests
	h.Jobs += o.Jobs
}

// Sort puts the job with the most samples first.
func (p *Processors) Sort() {
	slices.SortFunc(p.Jobs, func(a, b Job) int {
		return cmp.Or(cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Function, b.Function))
	})
}

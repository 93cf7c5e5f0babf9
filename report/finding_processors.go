package report

import (
	"fmt"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// processorWordings words the findings about processors and what runs on them.
var processorWordings = map[string]findingWording{
	"no-core": {
		title: func(f breakdown.Facts) string {
			switch breakdown.Deprivation(f.Name(breakdown.FactDeprivation)) {
			case breakdown.ByLimit:
				return "a CPU limit stops the process"
			case breakdown.ByStalls:
				return "code stands still in the kernel, as in page faults"
			case breakdown.ByNeighbors:
				return "other processes take the cores"
			}
			return "requests run without a core"
		},
		evidence: func(f breakdown.Facts) []string {
			list := []string{ofRequest(f) + " ran without a core"}
			if waited := f.Time(breakdown.FactWaited); waited > 0 {
				list = append(list, threeDigits(waited)+" more was spent ready to run, or on news noticed late")
			}
			return list
		},
		try: func(f breakdown.Facts) string {
			switch breakdown.Deprivation(f.Name(breakdown.FactDeprivation)) {
			case breakdown.ByLimit:
				return "raise the container's CPU limit, or set GOMAXPROCS no higher than it"
			case breakdown.ByStalls:
				return "give it memory enough that mapped files and the heap stay resident, or read files instead of mapping them"
			case breakdown.ByNeighbors:
				return "move the neighbors away, or reserve cores for the service"
			}
			return "look for a CPU limit (cpu.stat: nr_throttled), major page faults (pgmajfault), and busy neighbors"
		},
	},
	"busy-wait": {
		title: says("requests wait by asking again and again, and keep processors busy with it"),
		evidence: func(f breakdown.Facts) []string {
			list := []string{ofRequest(f)}
			if turns := f.Number(breakdown.FactTurns); turns > 0 {
				list[0] += fmt.Sprintf(", in %s at which they give the processor up and ask again", counted(int64(math.Round(turns)), "turn", "turns"))
			}
			return append(list, callsThere(f)...)
		},
	},
	"no-processor": {
		title: says("requests are ready to run and wait for a processor"),
		evidence: func(f breakdown.Facts) []string {
			return append(delays(f), endpointsOnCPU(f)...)
		},
	},
	"gc-pressure": {
		title: func(f breakdown.Facts) string {
			return fmt.Sprintf("the garbage collector takes %.0f%% of the CPU", f.Number(breakdown.FactCollector))
		},
		evidence: func(f breakdown.Facts) []string {
			return slices.Concat(delays(f), collecting(f), heap(f))
		},
		try: func(f breakdown.Facts) string {
			if atLimit(f) {
				return "raise GOMEMLIMIT, or GOGC if it is low, or keep less in memory: the heap has no room above what is in use"
			}
			return "allocate less (/debug/pprof/allocs says where), or let the heap grow further: raise GOGC, with GOMEMLIMIT as the bound"
		},
	},
	"stops-the-world": {
		title: func(f breakdown.Facts) string {
			called := f.Frame(breakdown.FactCalled).Function
			if f.Has(breakdown.FactStopped) {
				return "all goroutines are stopped by " + function(called) + " outside of requests"
			}
			switch called {
			case "runtime.GC", "runtime/debug.FreeOSMemory":
				return "requests ask for a collection of garbage by " + function(called) + " and wait for it"
			case "":
				return "requests stop all goroutines"
			default:
				return "requests stop all goroutines by " + function(called)
			}
		},
		evidence: func(f breakdown.Facts) []string {
			list := append(delays(f), callsThere(f)...)
			if stopped, ok := f.Of(breakdown.FactStopped); ok {
				list = append(list, fmt.Sprintf("all goroutines are stopped for %.0f%% of the window", stopped.Value))
			}
			return list
		},
		try: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactStopped) {
				return "do that more rarely, or only when something asks for it, and for fewer goroutines; a goroutine profile without debug=2 stops them only briefly"
			}
			switch f.Frame(breakdown.FactCalled).Function {
			case "runtime.GC", "runtime/debug.FreeOSMemory", "runtime/debug.SetGCPercent":
				return "take the call out of the request, and let GOGC and GOMEMLIMIT decide when to collect"
			}
			return "read the statistics in the background, or by runtime/metrics, which does not stop anything"
		},
	},
	"processors-held": {
		title: func(f breakdown.Facts) string {
			if j, ok := f.Of(breakdown.FactJob); ok {
				return "the processors are taken by " + shorten(function(j.Function), 60) + ", which serves no request"
			}
			return "the processors are taken by requests to " + shorten(function(f.Name(breakdown.FactEndpointCPU)), 60)
		},
		evidence: func(f breakdown.Facts) []string {
			return slices.Concat(delays(f), jobs(f), endpointsOnCPU(f))
		},
		try: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactJob) {
				return "let that work use fewer goroutines, do it in small portions, or move it to another process"
			}
			return "make those requests cheaper, limit how many of them run at once, or serve them from another process"
		},
	},
}

// delays says how long a request has no processor, and how much was noticed late.
func delays(f breakdown.Facts) []string {
	list := []string{ofRequest(f)}
	ready, late := f.Time(breakdown.FactReady), f.Time(breakdown.FactLate)
	if 20*late < f.Time(breakdown.FactSpent) {
		return list
	}
	name := f.Name(breakdown.FactLate)
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(name)) == nil {
		name = b.Info().Spoken
	}
	text := fmt.Sprintf("about %s of it looks like %s but was only noticed late", threeDigits(late), name)
	if ready > 0 {
		text = fmt.Sprintf("ready to run for %s; ", threeDigits(ready)) + text
	}
	return append(list, text)
}

// collecting says what the collector's CPU samples are.
func collecting(f breakdown.Facts) []string {
	text := ""
	for _, p := range f.All(breakdown.FactCollectorPart) {
		if p.Value >= 0.5 {
			text += fmt.Sprintf(", %.0f%% %s", p.Value, p.Name)
		}
	}
	if text == "" {
		return nil
	}
	return []string{fmt.Sprintf("of %s: %s", counted(int64(f.Number(breakdown.FactSamples)), "CPU sample", "CPU samples"), text[2:])}
}

// atLimit reports whether the heap has hardly any room above what is in use: its goal is
// less than a quarter above it.
func atLimit(f breakdown.Facts) bool {
	live, goal := f.Number(breakdown.FactLiveHeap), f.Number(breakdown.FactHeapGoal)
	return live > 0 && goal < 1.25*live
}

// heap says how often the collector runs, and how close its goal is to what is in use.
func heap(f breakdown.Facts) []string {
	cycles := int64(f.Number(breakdown.FactCollections))
	if cycles == 0 {
		return nil
	}
	text := counted(cycles, "collection", "collections") + " in the window"
	if live, goal := f.Number(breakdown.FactLiveHeap), f.Number(breakdown.FactHeapGoal); live > 0 && goal > 0 {
		text += fmt.Sprintf("; %.0f MB in use, the next one at %.0f MB", live/1e6, goal/1e6)
	}
	return []string{text}
}

// jobs says which work that serves no request has the processors, and for how long.
func jobs(f breakdown.Facts) (list []string) {
	busy, times := f.All(breakdown.FactJobBusy), f.All(breakdown.FactJobTimes)
	for i, j := range f.All(breakdown.FactJob) {
		text := fmt.Sprintf("%s has %.0f%% of the CPU samples", spot(j.Frame()), j.Value)
		if i < len(busy) && i < len(times) {
			text += fmt.Sprintf(", busy for %s", duration(int64(busy[i].Value)))
			if n := int64(times[i].Value); n > 1 {
				text += fmt.Sprintf(" in %d stretches", n)
			}
		}
		list = append(list, text)
	}
	return list
}

// endpointsOnCPU says which endpoints' requests have the CPU samples.
func endpointsOnCPU(f breakdown.Facts) (list []string) {
	for _, e := range f.All(breakdown.FactEndpointCPU) {
		list = append(list, fmt.Sprintf("requests to %s have %.0f%% of the CPU samples", shorten(function(e.Name), 50), e.Value))
	}
	return list
}

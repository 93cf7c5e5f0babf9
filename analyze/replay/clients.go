package replay

import (
	"math"
	"slices"
)

// A Load says when requests arrive in the replay.
type Load uint8

const (
	Told   Load = iota // as the recording suggests
	Open               // when they did
	Closed             // when their client has the answer to the one before, and has thought
)

// String returns the name of a load, in JSON: "open".
func (l Load) String() string { return [...]string{"told", "open", "closed"}[l] }

// clients returns the requests by client: those on one connection, or, where each request
// has a goroutine of its own, those of which each began right after the one before ended.
func (rec *Recording) clients() [][]int32 {
	index := map[int64]int{}
	var list [][]int32
	for i := range rec.requests {
		g := rec.requests[i].goroutine
		k, ok := index[g]
		if !ok {
			k = len(list)
			index[g] = k
			list = append(list, nil)
		}
		list[k] = append(list[k], int32(i))
	}
	if len(list) > 0 && len(rec.requests) < 3*len(list) {
		return rec.follow()
	}
	return list
}

// follow returns the requests by client where the goroutine does not tell: each request
// follows the one that ended last before it and that no other one follows.
func (rec *Recording) follow() (list [][]int32) {
	byEnd := make([]int32, len(rec.requests))
	for i := range byEnd {
		byEnd[i] = int32(i)
	}
	slices.SortStableFunc(byEnd, func(a, b int32) int { return int(rec.requests[a].end - rec.requests[b].end) })
	clientOf := make([]int, len(rec.requests))
	var idle []int32 // requests that have ended, the last at the end
	ended := 0
	for i := range rec.requests {
		for ended < len(byEnd) && rec.requests[byEnd[ended]].end <= rec.requests[i].start {
			idle = append(idle, byEnd[ended])
			ended++
		}
		if n := len(idle); n > 0 {
			clientOf[i] = clientOf[idle[n-1]]
			idle = idle[:n-1]
		} else {
			clientOf[i] = len(list)
			list = append(list, nil)
		}
		list[clientOf[i]] = append(list[clientOf[i]], int32(i))
	}
	return list
}

// tell returns what load the recording suggests. Under a closed load, the number of
// requests at once hardly varies, and a client's pause does not depend on how long it
// waited for the answer.
func (rec *Recording) tell(clients [][]int32) Load {
	var walls, gaps []float64
	for _, list := range clients {
		for i := 1; i < len(list); i++ {
			a, b := &rec.requests[list[i-1]], &rec.requests[list[i]]
			walls, gaps = append(walls, float64(a.wall())), append(gaps, float64(b.start-a.end))
		}
	}
	if len(walls) < 2*len(clients) || len(walls) < 8 {
		return Open
	}
	brief := median(gaps) < median(walls)/20
	if slope(walls, gaps) > -0.5 && (brief || rec.dispersion() < 0.6) {
		return Closed
	}
	return Open
}

// dispersion returns the variance of the number of requests at once, relative to its mean.
// It is 1 if they arrive independently of each other.
func (rec *Recording) dispersion() float64 {
	type edge struct {
		at int64
		by float64
	}
	var edges []edge
	for i := range rec.requests {
		edges = append(edges, edge{rec.requests[i].start, 1}, edge{rec.requests[i].end, -1})
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	n, at, sum, squares := 0.0, int64(0), 0.0, 0.0
	for _, e := range edges {
		time := float64(e.at - at)
		sum, squares = sum+n*time, squares+n*n*time
		n, at = n+e.by, e.at
	}
	mean := sum / float64(at)
	return (squares/float64(at) - mean*mean) / mean
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// slope returns by how much y changes with x: least squares.
func slope(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / math.Max(1, float64(len(list)))
}

// AtOnce returns how many requests there were at once at most, 1 if there were none.
func (rec *Recording) AtOnce() int {
	ends := make([]int64, 0, len(rec.requests))
	for i := range rec.requests {
		ends = append(ends, rec.requests[i].end)
	}
	slices.Sort(ends)
	most, ended := 1, 0
	for i := range rec.requests {
		for ended < len(ends) && ends[ended] <= rec.requests[i].start {
			ended++
		}
		most = max(most, i+1-ended)
	}
	return most
}

// Processors returns how many processors the service had.
func (rec *Recording) Processors() int { return rec.processors }

package interval

import "math"

// An Estimate is a ratio of two sums with the half of its 95% interval.
type Estimate struct {
	Value, Half float64
	// Batches is how many independent stretches of time the interval rests on.
	Batches float64
}

const (
	// fewestBatches is how many batches are not joined to longer ones any further.
	fewestBatches = 10
	// resemblance is the correlation of neighboring batches from which they are joined.
	resemblance = 0.2
	// mostResemblance bounds what is allowed for.
	mostResemblance = 0.9
)

// Ratio estimates the ratio of what the parts and the wholes sum to, where each element is
// the sum over a stretch of time, of equal lengths and in order. Half is +Inf if there are
// too few to tell.
func Ratio(part, whole []float64) Estimate {
	p, w := sum(part), sum(whole)
	if w <= 0 || len(whole) < 4 {
		return Estimate{Half: math.Inf(1)}
	}
	out := Estimate{Value: p / w}
	residuals := make([]float64, len(whole))
	for i := range residuals {
		residuals[i] = part[i] - out.Value*whole[i]
	}
	variance, n := batched(residuals)
	out.Batches = n
	out.Half = Student(max(n-1, 1)) * math.Sqrt(variance) / w
	return out
}

// batched returns the variance of the sum of residuals, and how many independent batches
// would have it.
func batched(residuals []float64) (variance, batches float64) {
	for size := 1; ; size *= 2 {
		list := joined(residuals, size)
		k := float64(len(list))
		squares, products := 0.0, 0.0
		for i, r := range list {
			squares += r * r
			if i > 0 {
				products += r * list[i-1]
			}
		}
		if squares == 0 {
			return 0, k
		}
		// The correlation in a sample is less than in the process, by (1 + 4ρ) / k on average
		// (Marriott and Pope, Biometrika 41, 1954).
		correlation := (k*products/squares + 1) / max(k-4, 1)
		if correlation > resemblance && len(residuals)/(2*size) >= fewestBatches {
			continue
		}
		// What is not certain about the correlation counts as correlation.
		correlation = min(max(correlation+doubt/math.Sqrt(k), 0), mostResemblance)
		inflation := (1 + correlation) / (1 - correlation)
		return squares * k / (k - 1) * inflation, k / inflation
	}
}

// doubt is how many standard errors of a correlation are added to it.
const doubt = 0.5

// joined returns the sums over batches of that many elements. The last ones of a list that
// does not divide are spread over all batches.
func joined(list []float64, size int) []float64 {
	n := len(list) / size
	out := make([]float64, n)
	for i := range out {
		out[i] = sum(list[i*len(list)/n : (i+1)*len(list)/n])
	}
	return out
}

func sum(list []float64) (s float64) {
	for _, v := range list {
		s += v
	}
	return s
}

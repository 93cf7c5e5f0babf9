package analyze

import "math"

// A signTest tests differences, one after another, against hypotheses about their
// center. It may be looked at after each.
//
// Under the hypothesis that a pair's difference is θ beside noise, a difference is as
// likely to be above θ by some amount as below it by as much: which of the two captures
// came first was drawn, or both were taken at once. Given that amount, only its sign is
// left to chance, so for any number λ the factor
//
//	exp(λx) / cosh(λx),  x = difference - θ, which may be shrunk if that keeps its sign
//
// is 1 on average, and the product of the factors is a martingale that begins at 1. By
// Ville's inequality it ever reaches 1/α with a probability of at most α, however often
// one looks. That needs no normal distribution and no constant variance: neighbors and
// drift change the amounts, not the signs. The same holds for the mean over several λ;
// the θ for which it is below 1/α are a confidence interval for all looks together.
//
// The factor is that of the sign test for large λx, and of a test of the mean for small.
// Amounts are in units of their median over the differences so far, and no larger than
// widest: otherwise a few pairs beside a neighbor outweigh all others.
type signTest struct {
	diffs []float64
	limit float64 // ln(1/α)
}

const widest = 3

// lambdas are what the product is averaged over, with both signs.
var lambdas = []float64{0.1, 0.2, 0.4, 0.8, 1.6, 3.2}

// against returns the logarithm of the evidence against the hypothesis that the center is
// theta, and the largest of any λ alone.
func (t signTest) against(theta float64) (all, most float64) {
	logs := make([]float64, 2*len(lambdas))
	var amounts sortedFloats
	for _, d := range t.diffs {
		x := d - theta
		amounts.add(math.Abs(x))
		if unit := amounts.median(); unit > 0 {
			x /= unit
		} else if x != 0 {
			x = math.Copysign(widest, x)
		}
		x = min(max(x, -widest), widest)
		for i, l := range lambdas {
			factor := logFactor(l * x)
			logs[2*i] += factor
			logs[2*i+1] += factor - 2*l*x // logFactor(-l * x), without its logarithm
		}
	}
	most = math.Inf(-1)
	for _, l := range logs {
		most = max(most, l)
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum/float64(len(logs))), most
}

// logFactor returns ln(exp(y) / cosh(y)).
func logFactor(y float64) float64 { return math.Ln2 - math.Log1p(math.Exp(-2*y)) }

// rejects reports whether the differences reject that their center is theta.
func (t signTest) rejects(theta float64) bool {
	all, _ := t.against(theta)
	return all >= t.limit
}

// interval returns the confidence interval around a center, which is infinite as long as
// there are too few differences.
func (t signTest) interval(center float64) (low, high float64) {
	return t.bound(center, -1), t.bound(center, 1)
}

// farthest is how far from the center a bound is looked for, as a difference of
// logarithms: a factor of a thousand.
const farthest = 7

// bound returns where the evidence reaches the limit in one direction.
func (t signTest) bound(center, direction float64) float64 {
	rejected := func(distance float64) bool { return t.rejects(center + direction*distance) }
	in, out := 0.0, 1e-4
	for !rejected(out) {
		if in, out = out, out*1.5; out > farthest {
			return math.Inf(int(direction))
		}
	}
	for range 30 {
		if mid := (in + out) / 2; rejected(mid) {
			out = mid
		} else {
			in = mid
		}
	}
	return center + direction*out
}

// mostPairs is the largest number of pairs worth advising.
const mostPairs = 500

// needs returns about how many differences it takes to reject either that the center is 0
// or that it is the margin, if those to come are like those so far. It is 0 if that is not
// known, or more than mostPairs.
func (t signTest) needs(margin float64) int {
	n := 0
	for _, theta := range []float64{0, margin} {
		_, most := t.against(theta)
		each := most / float64(len(t.diffs))
		if each <= 0 {
			continue
		}
		need := int(math.Ceil((t.limit + math.Log(float64(2*len(lambdas)))) / each))
		if n == 0 || need < n {
			n = need
		}
	}
	if n > mostPairs {
		return 0
	}
	return max(n, len(t.diffs)+1)
}

// sortedFloats are numbers in ascending order.
type sortedFloats []float64

func (s *sortedFloats) add(x float64) {
	at := len(*s)
	for at > 0 && (*s)[at-1] > x {
		at--
	}
	*s = append(*s, 0)
	copy((*s)[at+1:], (*s)[at:])
	(*s)[at] = x
}

func (s sortedFloats) median() float64 {
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

package interval

import "math"

// Normal is the 97.5% quantile of the normal distribution.
const Normal = 1.959963984540054

// ClopperPearson returns the 95% interval of a share that was observed among n, which
// need not be whole.
func ClopperPearson(p, n float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	x := p * n
	low, high = 0, 1
	if x > 0 {
		low = betaQuantile(0.025, x, n-x+1)
	}
	if x < n {
		high = betaQuantile(0.975, x+1, n-x)
	}
	return min(low, p), max(high, p)
}

// Student returns the 97.5% quantile of Student's distribution with that many degrees of
// freedom, which need not be whole.
func Student(v float64) float64 {
	x := betaQuantile(0.05, v/2, 0.5) // both tails
	return math.Sqrt(v * (1 - x) / x)
}

// betaQuantile returns the q quantile of a beta distribution, by bisection.
func betaQuantile(q, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		middle := (low + high) / 2
		if betaDistribution(middle, a, b) < q {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// betaDistribution returns the regularized incomplete beta function.
func betaDistribution(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - betaDistribution(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	return front * betaFraction(x, a, b) / a
}

// betaFraction evaluates the continued fraction of the incomplete beta function by
// Lentz's method (Numerical Recipes, 6.4).
func betaFraction(x, a, b float64) float64 {
	const tiny, precise, most = 1e-300, 1e-14, 500
	clip := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/clip(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= most; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/clip(1+even*d), clip(1+even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/clip(1+odd*d), clip(1+odd/c)
		h *= d * c
		if math.Abs(d*c-1) < precise {
			break
		}
	}
	return h
}

// Package infer estimates which handler served the requests that left no stack.
//
// A handler that never blocks leaves no stack in a trace. Only a CPU sample, one in
// about 10 ms of CPU time, shows it. Package analyze sums requests in cells and takes
// from here what share of each cell belongs to which endpoint, and how certain the
// endpoints' figures are. The package knows no traces and no names.
//
// # Model
//
// A request that never blocked has a known running time c and an unknown class, its
// endpoint. It is sampled, and so has its class, with a probability p(c) that its
// running time gives. The one assumption is that p depends on c alone: of requests with
// the same running time, the sampled ones are a random subset, whichever classes they
// belong to. Requests that blocked tell their class otherwise. They are counted as they
// are and say nothing about the others, because blocking depends on the class.
//
// The sampled requests therefore weigh by 1/p(c) (Horvitz and Thompson), and because
// the running time of every request is known, p need not be: in a stretch of running
// times with m unnamed and n sampled requests, 1/p is (m+n)/n. This includes that a
// period of CPU time does not always bring a sample, that short bursts bring fewer, and
// that samples outside of handlers name no one. In one stretch, the estimate of the
// number of unnamed requests of class j is
//
//	m · n_j / n
//
// # Stretches
//
// How classes share the requests of a running time is taken to be constant within
// stretches of running times (a product partition model, Barry and Hartigan 1993).
// Where one stretch ends and the next begins is unknown. A boundary lies between two
// cells, d apart in log running time, with probability 1-exp(-κd). A stretch whose
// sampled requests are of s classes out of J, n_j of class j, has the likelihood
//
//	2^-s / C(J,s) · Γ(s/2)/Γ(n+s/2) · Π Γ(n_j+1/2)/Γ(1/2)
//
// that is, the number of classes in a stretch is geometric, any of them are as likely,
// and their shares have Jeffreys' prior. Estimate sums over all partitions by dynamic
// programming and draws from them. The estimate is the mean over draws of m·n_j/n. So
// classes with different running times are told apart where these differ and share
// where they overlap, whatever the shape of their distributions.
//
// # Views
//
// A CPU sample holds up the request that it hits, so a sampled request runs longer than
// it would have without. How much longer depends on the machine, and is not known: in a
// virtual machine, a tenth of a millisecond. So there are several views of the same pools,
// one for each supposed cost, with the sampled requests where they would have been. Shares
// are the mean over the views, and intervals are of draws from all.
//
// Where the kernel takes cores away, running time is more than CPU time, and of requests
// that ran as long, those with less CPU time are sampled less. How much of the running time
// had no core is known only for the whole process. So each view is looked at twice: as if
// all requests had had a core, and as if none of a class had had one for longer than some
// multiple of the class's usual running time. The multiple is the one by which as much time
// is lost as in the whole process (holdup.go).
//
// # Intervals
//
// An interval is the central 95% of draws. A draw takes κ, the stretches, in each of
// them the shares, and for the unnamed requests of each stretch their classes. With the
// probability that the prior gives it, a class not sampled in a stretch may be in it,
// too. The wall time of the requests drawn for a class has the mean of the stretch and
// the variance of a random subset of it. Random numbers are seeded from the data, so
// that the same data has the same intervals.
//
// # Limits
//
//   - A running time far from that of all sampled requests says nothing: such requests
//     stay unnamed. So do those of a pool with several classes and very few samples.
//   - A class that was never sampled gets no request.
//   - Where the kernel seldom takes cores away, but for long, no sample may tell that
//     requests of a class were held up: then intervals are too narrow, though wider by the
//     share of the time that had no core.
//   - Where a sample costs more than the views suppose, short requests seem to be of the
//     classes that run a little less.
//   - A handler that runs for a few microseconds is sampled less than another with the
//     same running time around it.
package infer

package analyze

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// transfers returns what the endpoint's requests move while they wait for files and for
// clients.
func (e *endpoint) transfers() (out diagnosis.Transfers) {
	out.ToFiles, out.WithClients = diagnosis.Moved{}, diagnosis.Moved{}
	out.Synced, out.Written = e.moved(breakdown.File, rules.Syncs, out.ToFiles), e.moved(breakdown.File, rules.Writes, out.ToFiles)
	out.Sent, out.Received = e.moved(breakdown.ClientIO, rules.Sends, out.WithClients), e.moved(breakdown.ClientIO, rules.Receives, out.WithClients)
	return out
}

// moved returns how long a request waits in a bucket for a transfer, and adds it to
// that of each place.
func (e *endpoint) moved(b breakdown.Bucket, what rules.Transfer, to diagnosis.Moved) int64 {
	total := int64(0)
	for c, t := range e.buckets[b].causes {
		if rules.TransferOf(c.Stack) != what || b == breakdown.ClientIO && c.State != "waiting" {
			continue // a write that only copies into the kernel waits for no client
		}
		total += t.ns
		called := ""
		if i := slices.Index(c.Stack, c.Site); i > 0 {
			called = c.Stack[i-1].Function
		}
		to[diagnosis.Transfer{Site: c.Site, Called: called, Logger: rules.LoggerOf(c.Stack)}] += mean(t.ns, e.requests)
	}
	return mean(total, e.requests)
}

// smallCalls returns the place with the most time in system calls on files, to the client, or
// to another system by a connection without a client, that may be too small, nil if there is
// none: what goes through a buffer is none of them,
// and neither are log lines.
func (e *endpoint) smallCalls() (most *diagnosis.SmallCalls) {
	type place struct {
		site breakdown.Frame
		what rules.Transfer
	}
	sums, called := map[place]*diagnosis.SmallCalls{}, map[place]map[string]int64{}
	for i := range e.buckets {
		b := breakdown.Bucket(i)
		for c, t := range e.buckets[b].causes {
			what, ok := smallCall(b, c)
			if !ok || c.State != "syscall" || c.Site.Function == "" {
				continue
			}
			p := place{c.Site, what}
			if sums[p] == nil {
				sums[p], called[p] = &diagnosis.SmallCalls{Bucket: b, Site: c.Site, What: what.String()}, map[string]int64{}
			}
			sums[p].Time += t.ns
			sums[p].Calls += t.n
			if i := slices.Index(c.Stack, c.Site); i > 0 {
				called[p][c.Stack[i-1].Function] += t.ns
			}
		}
	}
	for p, s := range sums {
		if most == nil || cmp.Or(cmp.Compare(most.Time, s.Time), compareFrames(s.Site, most.Site), cmp.Compare(s.What, most.What)) < 0 {
			most, s.Called = s, largest(called[p])
		}
	}
	if most != nil && most.Calls > 0 {
		most.Each, most.PerRequest, most.Time = mean(most.Time, most.Calls), float64(most.Calls)/float64(max(e.requests, 1)), mean(most.Time, e.requests)
	}
	return most
}

// smallCall returns what a system call of a bucket moves, and reports whether it may be too small.
func smallCall(b breakdown.Bucket, c *breakdown.Cause) (rules.Transfer, bool) {
	if b == breakdown.Upstream {
		return rules.Sends, rules.SmallSend(c)
	}
	what, ok := rules.SmallCall(c.Stack)
	return what, ok && (b == breakdown.ClientIO && what == rules.Sends || b == breakdown.File && what != rules.Sends)
}

// largest returns the name with the largest sum, "" if there is none.
func largest(sums map[string]int64) (most string) {
	for name, n := range sums {
		if most == "" || n > sums[most] || n == sums[most] && name < most {
			most = name
		}
	}
	return most
}

package analyze

import (
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
	for c, ns := range e.buckets[b].causes {
		if rules.TransferOf(c.Stack) != what || b == breakdown.ClientIO && c.State != "waiting" {
			continue // a write that only copies into the kernel waits for no client
		}
		total += *ns
		called := ""
		if i := slices.Index(c.Stack, c.Site); i > 0 {
			called = c.Stack[i-1].Function
		}
		to[diagnosis.Transfer{Site: c.Site, Called: called, Logger: rules.LoggerOf(c.Stack)}] += mean(*ns, e.requests)
	}
	return mean(total, e.requests)
}

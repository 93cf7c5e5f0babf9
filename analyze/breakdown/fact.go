package breakdown

import "fmt"

// A Fact is one number, place or name that a cause rests on. Reports make sentences from
// facts, and programs read them as they are.
type Fact struct {
	Kind FactKind `json:"kind"`
	// Name is what the fact is about beside a place: a bucket, a system, a library, a
	// reason. It may be "".
	Name string `json:"name,omitempty"`
	Place
	// Value is in Unit, which is that of the kind.
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// A Place is a Frame that may be missing: its Function is "" then.
type Place struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Frame returns the place as a Frame.
func (p Place) Frame() Frame { return Frame(p) }

// A FactKind says what a fact means and which unit its value has.
type FactKind uint8

// The kinds of facts. Adding one takes a constant here and its row in the table facts.
const (
	FactWall FactKind = iota
	FactSpent
	FactSite
	FactCalls
	FactInFlight
	FactDialed
	FactHolder
	FactHolderDoing
	FactHolderThrough
	FactBatch
	FactBatchCall
	FactDeprivation
	FactWaited
	FactFreshProbes
	FactKeptProbes
	FactFreshWait
	FactKeptWait
	FactAcceptSite
	FactAcceptHeld
	FactAcceptQueued
	FactAccepted
	FactSystem
	FactOtherSide
	FactSynced
	FactWritten
	FactBehindWrites
	FactLogger
	FactCalled
	FactSent
	FactReceived
	FactLibrary
	FactWaitsIn
	FactAgain
	FactOnce
	FactBucket
	FactReads
	FactMissed
	FactFilled
	FactCacheCall
	FactDatabaseCall
	FactTimedOut
	FactMade
	FactDeadline
	FactDeadlineLeast
	FactDeadlineMost
	FactStuck
	FactStuckFor
	FactStuckWhole
	FactStuckBucket
	FactStuckAt
	FactParty
	FactPartyHolds
	FactBeside
	FactUnanswered
	FactUnansweredFor
	FactGrown
	FactGrownIn
	FactGrownStarted
	FactGrownEnded
	FactGrownAt
	FactGrownRequests
	FactGoroutinesBefore
	FactGoroutinesAfter
	FactClient
	FactTrips
	FactHandshakes
	FactResolving
	FactNames
	FactUndrained
	FactUnclosed
	FactSamples
	FactOfSamples
	FactActivity
	FactComputing
	FactReady
	FactLate
	FactCollector
	FactCollectorPart
	FactCollections
	FactLiveHeap
	FactHeapGoal
	FactJob
	FactJobBusy
	FactJobTimes
	FactStopped
	FactEndpointCPU
	FactHeld
	FactAcross
	FactTail
	FactTailFrom
	FactTailMean
	FactOthersMean
	FactTailIn
	FactOthersIn
	FactTailAlike
	FactBurst
	FactBurstWithin
	FactBurstStart
	FactBurstTimes
	FactFirst
	FactFirstMean
	FactQuiet
	FactFirstDialing
	FactFirstIn
	FactFew
	FactFewEach
	FactMany
	FactManyEach
	FactPooled
	FactBehindCall
	FactBehindEach
	FactAloneEach
	FactSystemCalls
	FactSystemCall
	FactTurns
	NumFacts
)

// A FactInfo describes a kind of fact.
type FactInfo struct {
	Name, Unit, Meaning string
}

var facts = [NumFacts]FactInfo{
	FactWall:          {"wall", "ns", "the mean wall time of a request"},
	FactSpent:         {"spent", "ns", "the part of a request's wall time that the cause is about"},
	FactSite:          {"site", "", "the place in the service's code to look at"},
	FactCalls:         {"calls", "calls", "calls per request"},
	FactInFlight:      {"in_flight", "calls", "calls in flight while there is at least one"},
	FactDialed:        {"dialed", "percent", "the share of calls that dial a connection, and their bucket"},
	FactHolder:        {"holder", "ns", "who keeps requests waiting, and for how long each"},
	FactHolderDoing:   {"holder_doing", "ns", "what the holder before was in for most of that time: the bucket, for how long, and where"},
	FactHolderThrough: {"holder_through", "", "who released the requests after it had itself waited for the first holder"},
	FactBatch:         {"batch_work", "ns", "what a request's own batch is busy with: the bucket, and for how long"},
	FactBatchCall:     {"batch_call", "", "the function that the batch calls there"},
	FactDeprivation:   {"deprivation", "", "why running code has no core: limit, stalls or neighbors"},
	FactWaited:        {"waited", "ns", "how long a request is ready to run for the same reason"},
	FactFreshProbes:   {"fresh_probes", "probes", "probes on new connections"},
	FactKeptProbes:    {"kept_probes", "probes", "probes on kept connections"},
	FactFreshWait:     {"fresh_wait", "ns", "how long a request on a new connection waits until the server reads it"},
	FactKeptWait:      {"kept_wait", "ns", "how long a request on a kept connection waits until the server reads it"},
	FactAcceptSite:    {"accept_site", "", "where the service accepts connections"},
	FactAcceptHeld:    {"accept_held", "ns", "what held the accept loop up, and for how long in the window"},
	FactAcceptQueued:  {"accept_queued", "connections", "connections that came while the accept loop was held up"},
	FactAccepted:      {"accepted", "connections", "connections accepted in the window"},
	FactSystem:        {"system", "", "the system that is called"},
	FactOtherSide:     {"other_side", "ns", "the part of a request's wall time in which the other side works, or its answer is on the way"},
	FactSynced:        {"synced", "ns", "how long a request waits until a file's content is on the disk"},
	FactWritten:       {"written", "ns", "how long a request waits for writes to files and pipes"},
	FactBehindWrites:  {"behind_writes", "ns", "how long a request waits for a lock whose holder writes meanwhile"},
	FactLogger:        {"logger", "", "the package whose log lines are written"},
	FactCalled:        {"called", "", "the function that is called there"},
	FactSent:          {"sent", "ns", "how long a request waits for the client to take more of the answer"},
	FactReceived:      {"received", "ns", "how long a request waits for the client to send the rest of it"},
	FactLibrary:       {"library", "", "the library whose timer it is"},
	FactWaitsIn:       {"waits_in", "", "the function that waits"},
	FactAgain:         {"again", "", "the place whose calls are made again"},
	FactOnce:          {"once", "percent", "the share of the requests with calls there that make one call only"},
	FactBucket:        {"bucket", "ns", "the bucket of the calls that the cause is about, and, where there are several, the place and the part of a request's wall time of each"},
	FactReads:         {"cache_reads", "requests", "requests in the window that read the cache"},
	FactMissed:        {"missed", "percent", "the share of them that then ask the database"},
	FactFilled:        {"filled", "percent", "the share of these that then write to the cache"},
	FactCacheCall:     {"cache_call", "ns", "where the cache is read, and how long a call takes"},
	FactTimedOut:      {"timed_out", "calls", "calls in the window that their deadline ended"},
	FactMade:          {"calls_made", "calls", "calls in the window made there"},
	FactDeadline:      {"deadline", "ns", "how long a call that its deadline ended took, in the mean"},
	FactDeadlineLeast: {"deadline_least", "ns", "how long the shortest of them took"},
	FactDeadlineMost:  {"deadline_most", "ns", "how long the longest of them took"},
	FactDatabaseCall:  {"database_call", "ns", "where the database is asked after that, and how long it takes per request"},

	FactStuck:         {"stuck", "requests", "requests that stand still when the window closes; the name says what they wait for: connection, lock, receiver, sender or answer"},
	FactStuckFor:      {"stuck_for", "ns", "how long one of them has been waiting, within the window"},
	FactStuckWhole:    {"stuck_whole", "requests", "those of them that have been waiting for the whole window or longer"},
	FactStuckBucket:   {"stuck_bucket", "", "the bucket of the connection or answer that they wait for"},
	FactStuckAt:       {"stuck_at", "requests", "where requests stand still, and how many there"},
	FactParty:         {"party", "goroutines", "who keeps them waiting and waits as well: where, for what, and how many"},
	FactPartyHolds:    {"party_holds", "", "where the party before took what the others wait for"},
	FactBeside:        {"beside", "goroutines", "who else stands still: where, for what, and how many; they may keep the requests waiting"},
	FactUnanswered:    {"unanswered", "probes", "probes that got no answer, of which none did"},
	FactUnansweredFor: {"unanswered_for", "ns", "how long one of them waited"},

	FactGrown:            {"grown", "goroutines", "goroutines that were started in the window and stayed: where, by the function that they run"},
	FactGrownIn:          {"grown_in", "ns", "the time in which they were started"},
	FactGrownStarted:     {"grown_started", "goroutines", "all that were started there in that time"},
	FactGrownEnded:       {"grown_ended", "goroutines", "those that were started there and ended"},
	FactGrownAt:          {"grown_at", "goroutines", "where they wait; the name is the runtime's reason"},
	FactGrownRequests:    {"grown_requests", "requests", "the requests that completed meanwhile"},
	FactGoroutinesBefore: {"goroutines_before", "goroutines", "all goroutines of the process before the window"},
	FactGoroutinesAfter:  {"goroutines_after", "goroutines", "all goroutines of the process after the window"},

	FactClient:        {"client", "", "the client library whose connections they are"},
	FactTrips:         {"round_trips", "round trips", "round trips per call"},
	FactHandshakes:    {"handshakes", "ns", "the part of a request's wall time that is TLS handshakes"},
	FactResolving:     {"resolving", "ns", "the part of a request's wall time that is looking up host names"},
	FactNames:         {"names", "names", "names that each lookup asks for, one after another"},
	FactUndrained:     {"undrained", "percent", "the share of calls whose response is not read to its end"},
	FactUnclosed:      {"unclosed", "", "responses of the window that were neither read to their end nor closed when it closed"},
	FactSamples:       {"samples", "samples", "CPU samples that hit what the cause is about"},
	FactOfSamples:     {"of_samples", "samples", "all CPU samples that hit these requests while they computed"},
	FactActivity:      {"activity", "", "what is computed"},
	FactComputing:     {"computing", "ns", "the part of a request's wall time that is computing"},
	FactReady:         {"ready", "ns", "how long a request is ready to run and has no processor"},
	FactLate:          {"noticed_late", "ns", "the part of a request's wall time that seems to be in other buckets, mostly the one named, because what ended a wait was noticed late: an estimate"},
	FactCollector:     {"gc_cpu", "percent", "the garbage collector's share of the process's CPU samples"},
	FactCollectorPart: {"gc_part", "percent", "the share of a part of the collector: marking, assists or sweeping"},
	FactCollections:   {"gc_cycles", "collections", "garbage collections that ended in the window"},
	FactLiveHeap:      {"live_heap", "bytes", "what is reachable at the end of a collection"},
	FactHeapGoal:      {"heap_goal", "bytes", "the size of the heap at which the next collection is to end"},
	FactJob:           {"job", "percent", "what goroutines that serve no request compute, and its share of the process's CPU samples"},
	FactJobBusy:       {"job_busy", "ns", "how long the job before computed in the window"},
	FactJobTimes:      {"job_times", "stretches", "in how many stretches the job before computed"},
	FactStopped:       {"stopped", "percent", "the share of the window in which goroutines that serve no request stop all others"},
	FactEndpointCPU:   {"endpoint_cpu", "percent", "another endpoint, and its share of the process's CPU samples"},
	FactHeld:          {"held", "ns", "what is held between two calls (transaction, connection or rows), where, and for how long each; 0 if that is not known"},
	FactAcross:        {"held_across", "ns", "what is done while it is held: the bucket, where, and for how long"},

	FactTail:        {"tail", "requests", "the slowest requests: those beyond the percentile that it names"},
	FactTailFrom:    {"tail_from", "ns", "the wall time from which a request is one of the slowest"},
	FactTailMean:    {"tail_mean", "ns", "the mean wall time of the slowest"},
	FactOthersMean:  {"others_mean", "ns", "the mean wall time of the others"},
	FactTailIn:      {"tail_in", "ns", "the bucket that the slowest spend their extra time in, and for how long each"},
	FactOthersIn:    {"others_in", "ns", "how long the others spend in that bucket"},
	FactTailAlike:   {"tail_alike", "times", "the slowest spend their extra time where the others do: how many times as long they take"},
	FactBurst:       {"burst", "percent", "the share of the slowest that began together"},
	FactBurstWithin: {"burst_within", "ns", "how long the stretches of the window are in which they began"},
	FactBurstStart:  {"burst_start", "ns", "when the first of them began, after the start of the window"},
	FactBurstTimes:  {"burst_times", "times", "the number of those stretches"},

	FactFirst:        {"first", "requests", "the first requests, which are unlike the others"},
	FactFirstMean:    {"first_mean", "ns", "the mean wall time of the first requests"},
	FactQuiet:        {"quiet", "ns", "how long the window had been open before the first request began"},
	FactFirstDialing: {"first_dialing", "ns", "how much longer the first requests make connections"},
	FactFew:          {"few_in_flight", "calls", "calls of the service to that system in flight, itself included, when one with few others was made"},
	FactFewEach:      {"few_each", "ns", "how long such a call takes"},
	FactMany:         {"many_in_flight", "calls", "calls of the service to that system in flight when one with many others was made"},
	FactManyEach:     {"many_each", "ns", "how long such a call takes"},
	FactPooled:       {"pooled", "ns", "the part of a request's wall time in which it waits for a connection of the service's own pool"},
	FactBehindCall:   {"behind_call", "ns", "the place whose calls others wait for, and how long one of those takes"},
	FactBehindEach:   {"behind_each", "ns", "how long a call takes while one of those is in flight"},
	FactAloneEach:    {"alone_each", "ns", "how long a call takes otherwise"},
	FactSystemCalls:  {"system_calls", "calls", "system calls per request at a place; the name says what they do: writes, reads, sends, or looks if they move nothing"},
	FactSystemCall:   {"system_call", "ns", "how long one of them takes"},
	FactTurns:        {"turns", "times", "how often a request gives the processor up at a place to ask again"},

	FactFirstIn: {"first_in", "ns", "how much longer the first requests are in a bucket, and the place with most of it, if there is one"},
}

// Info describes a kind. It panics if there is no such kind.
func (k FactKind) Info() FactInfo { return facts[k] }

// String returns the kind's name in JSON.
func (k FactKind) String() string {
	if k < NumFacts {
		return facts[k].Name
	}
	return fmt.Sprintf("fact(%d)", k)
}

// MarshalText encodes the kind as its name.
func (k FactKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText decodes a name written by MarshalText. A kind that a later version added
// becomes NumFacts.
func (k *FactKind) UnmarshalText(text []byte) error {
	for *k = 0; *k < NumFacts && facts[*k].Name != string(text); *k++ {
	}
	return nil
}

// Facts are what one cause rests on. A kind may occur several times.
type Facts []Fact

// WithUnits sets the unit of each fact to that of its kind.
func (f Facts) WithUnits() Facts {
	for i := range f {
		if f[i].Kind < NumFacts {
			f[i].Unit = f[i].Kind.Info().Unit
		}
	}
	return f
}

// Of returns the first fact of a kind, false if there is none.
func (f Facts) Of(k FactKind) (Fact, bool) {
	for i := range f {
		if f[i].Kind == k {
			return f[i], true
		}
	}
	return Fact{}, false
}

// Has reports whether there is a fact of a kind.
func (f Facts) Has(k FactKind) bool { _, ok := f.Of(k); return ok }

// All returns the facts of a kind.
func (f Facts) All(k FactKind) (list []Fact) {
	for i := range f {
		if f[i].Kind == k {
			list = append(list, f[i])
		}
	}
	return list
}

// Number returns the value of the first fact of a kind, 0 if there is none.
func (f Facts) Number(k FactKind) float64 { x, _ := f.Of(k); return x.Value }

// Time returns the value of the first fact of a kind in nanoseconds, 0 if there is none.
func (f Facts) Time(k FactKind) int64 { return int64(f.Number(k)) }

// Name returns the name in the first fact of a kind, "" if there is none.
func (f Facts) Name(k FactKind) string { x, _ := f.Of(k); return x.Name }

// Frame returns the place in the first fact of a kind. Its Function is "" if there is
// none.
func (f Facts) Frame(k FactKind) Frame { x, _ := f.Of(k); return x.Frame() }

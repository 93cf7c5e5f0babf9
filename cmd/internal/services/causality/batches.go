package causality

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Batches lists scenarios in which several requests share the work of a goroutine that
// releases them together, and some that only look alike.
var Batches = []scenario.Scenario{
	{Name: "writer, a sync for all", Needs: []string{"folder"}, Clients: 16, Open: openWriter, Server: scenario.Handled(writerHandler),
		Want: scenario.Want{Holds: behindBatches}},
	{Name: "writer behind a stage that answers", Needs: []string{"folder"}, Clients: 12, Open: openAnswerer},
	{Name: "pipeline of a log", Needs: []string{"folder"}, Clients: 12, Open: openLogPipeline},
	{Name: "loader with a window", Needs: needs, Clients: 8, Open: openLoader, Want: scenario.Want{Calls: -1}},
	{Name: "loader that the first request starts", Needs: needs, Clients: 8, Open: openFirstLoads, Want: scenario.Want{Calls: -1}},
	{Name: "Cond, broadcast by a writer", Needs: []string{"folder"}, Clients: 12, Open: openBroadcast},
	{Name: "leader that commits for all", Needs: []string{"folder"}, Clients: 12, Open: openLeader},
	{Name: "worker with long and short jobs", Needs: needs, Clients: 6, Open: openUneven, Want: scenario.Want{Calls: -1}},
	{Name: "Cond, a pool that broadcasts", Needs: needs, Clients: 6, Open: openBroadcastPool, Want: scenario.Want{System: "postgres", Calls: 1}},
}

// A commit is what a request gives to a batch, and when that was worked on.
type commit struct {
	came  int64
	batch *batch
	done  chan struct{}
}

// A batch is a row of times: it was begun, and each later one ends a step.
type batch struct {
	began int64
	steps []step
	err   error
}

type step struct {
	bucket breakdown.Bucket
	end    int64
}

// note records the queueing before a request's batch, then the steps of the batch from
// the time that the request was in it.
func (c *commit) note(w *scenario.Watch) error {
	from := max(c.came, c.batch.began)
	w.Note(breakdown.Wait, breakdown.NoPhase, c.came, from)
	for _, s := range c.batch.steps {
		if s.end > from {
			w.Note(s.bucket, breakdown.NoPhase, from, s.end)
			from = s.end
		}
	}
	return c.batch.err
}

// did ends a step of a batch.
func (b *batch) did(in breakdown.Bucket, at int64, err error) {
	b.steps = append(b.steps, step{in, at})
	b.err = errors.Join(b.err, err)
}

// clock is the Watch that all batches read the time from.
type clock struct {
	once  sync.Once
	watch *scenario.Watch
}

func (c *clock) set(w *scenario.Watch) { c.once.Do(func() { c.watch = w }) }

// drain takes what is in a queue, after the first.
func drain(first *commit, queue <-chan *commit, most int) []*commit {
	all := []*commit{first}
	for len(all) < most {
		select {
		case c := <-queue:
			all = append(all, c)
		default:
			return all
		}
	}
	return all
}

// A journal is a file that is written and synced.
type journal struct {
	*os.File
	entry []byte
}

func newJournal(env scenario.Env) (*journal, error) {
	f, err := os.CreateTemp(env["folder"], "journal-*")
	if err != nil {
		return nil, err
	}
	return &journal{f, make([]byte, 64<<10)}, os.Remove(f.Name())
}

// write appends n entries and syncs.
func (j *journal) write(n int) error {
	_, err := j.Seek(0, 0)
	for range n {
		_, failed := j.Write(j.entry)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, j.Sync())
}

// hand gives a commit to a queue and waits until it is done.
func hand(w *scenario.Watch, queue chan<- *commit) error {
	c := &commit{came: w.Now(), done: make(chan struct{})}
	queue <- c
	<-c.done
	return c.note(w)
}

// openWriter starts a goroutine that writes and syncs what has come together, and then
// releases all of it.
func openWriter(_ context.Context, env scenario.Env) (scenario.Work, error) {
	j, err := newJournal(env)
	if err != nil {
		return nil, err
	}
	var clock clock
	queue := make(chan *commit, 256)
	go func() {
		for first := range queue {
			all := drain(first, queue, 64)
			b := &batch{began: clock.watch.Now()}
			err := j.write(len(all))
			b.did(breakdown.File, clock.watch.Now(), err)
			for _, c := range all {
				c.batch = b
				close(c.done)
			}
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		return hand(w, queue)
	}, nil
}

// openAnswerer starts a writer that takes commits one by one from a channel without a
// buffer, and leaves it to another goroutine to answer. That one encodes each answer.
func openAnswerer(_ context.Context, env scenario.Env) (scenario.Work, error) {
	j, err := newJournal(env)
	if err != nil {
		return nil, err
	}
	var clock clock
	queue, written := make(chan *commit), make(chan []*commit, 4)
	go func() {
		for first := range queue {
			all := drain(first, queue, 64)
			b := &batch{began: clock.watch.Now()}
			err := j.write(len(all))
			b.did(breakdown.File, clock.watch.Now(), err)
			for _, c := range all {
				c.batch = b
			}
			written <- all
		}
	}()
	go func() {
		for all := range written {
			for _, c := range all {
				encode()
				close(c.done)
			}
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		return hand(w, queue)
	}, nil
}

// encode computes for some microseconds.
func encode() (text string) {
	for i := range 40 {
		text = fmt.Sprint(text[:min(len(text), 8)], i, "answer")
	}
	return text
}

// openLogPipeline has the stages of a replicated log: one orders the proposals, one
// writes them, and one applies what is written and releases the requests. The first goes
// on taking proposals while the second writes.
func openLogPipeline(_ context.Context, env scenario.Env) (scenario.Work, error) {
	j, err := newJournal(env)
	if err != nil {
		return nil, err
	}
	var clock clock
	proposals, ready, advance := make(chan *commit), make(chan []*commit), make(chan struct{})
	committed, applying := make(chan []*commit), make(chan []*commit, 8)
	go order(proposals, ready, advance)
	go func() { // writes
		for all := range ready {
			b := &batch{began: clock.watch.Now()}
			err := j.write(len(all))
			b.did(breakdown.File, clock.watch.Now(), err)
			for _, c := range all {
				c.batch = b
			}
			committed <- all
			advance <- struct{}{}
		}
	}()
	go func() { // schedules
		for all := range committed {
			applying <- all
		}
	}()
	go func() { // applies
		for all := range applying {
			for _, c := range all {
				encode()
				close(c.done)
			}
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		return hand(w, proposals)
	}, nil
}

// order collects proposals, and hands on what it has when the last ones are written.
func order(proposals <-chan *commit, ready chan<- []*commit, advance <-chan struct{}) {
	var next []*commit
	writing := false
	for {
		out := ready
		if writing || len(next) == 0 {
			out = nil
		}
		select {
		case c := <-proposals:
			next = append(next, c)
		case out <- next:
			next, writing = nil, true
		case <-advance:
			writing = false
		}
	}
}

// window is how long a loader waits for more keys.
const window = 4 * time.Millisecond

// openLoader starts a goroutine that collects keys for some time after the first, and
// then asks for all of them in one query.
func openLoader(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var clock clock
	queue := make(chan *commit, 256)
	go func() {
		for first := range queue {
			b := &batch{began: clock.watch.Now()}
			all := []*commit{first}
			for full := time.After(window); full != nil; {
				select {
				case c := <-queue:
					all = append(all, c)
				case <-full:
					full = nil
				}
			}
			b.did(breakdown.Sleep, clock.watch.Now(), nil)
			err := o.query(ctx, 6*time.Millisecond)
			b.did(breakdown.DB, clock.watch.Now(), err)
			for _, c := range all {
				c.batch = b
				close(c.done)
			}
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		return hand(w, queue)
	}, nil
}

// openFirstLoads has no worker: the first request of a batch starts a goroutine that
// waits for others and asks for all.
func openFirstLoads(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var next []*commit
	return func(_ context.Context, w *scenario.Watch) error {
		c := &commit{came: w.Now(), done: make(chan struct{})}
		mu.Lock()
		next = append(next, c)
		first := len(next) == 1
		mu.Unlock()
		if first {
			go func() {
				b := &batch{began: c.came}
				time.Sleep(window)
				mu.Lock()
				all := next
				next = nil
				mu.Unlock()
				b.did(breakdown.Sleep, w.Now(), nil)
				err := o.query(ctx, 6*time.Millisecond)
				b.did(breakdown.DB, w.Now(), err)
				for _, c := range all {
					c.batch = b
					close(c.done)
				}
			}()
		}
		<-c.done
		return c.note(w)
	}, nil
}

// A synced is a log whose requests wait until it is synced up to their entry.
type synced struct {
	mu       sync.Mutex
	work     *sync.Cond // for the writer
	done     *sync.Cond // for the requests
	appended int
	written  int
	batches  []*batch // by entry, since base
	base     int
	writing  bool
}

func newSynced() *synced {
	l := &synced{}
	l.work, l.done = sync.NewCond(&l.mu), sync.NewCond(&l.mu)
	return l
}

// sync writes what has been appended. It is called and returns with the lock held.
func (l *synced) sync(j *journal, now func() int64) {
	upTo := l.appended
	n := upTo - l.written
	l.mu.Unlock()
	b := &batch{began: now()}
	err := j.write(n)
	b.did(breakdown.File, now(), err)
	l.mu.Lock()
	for range n {
		l.batches = append(l.batches, b)
	}
	if most := 1 << 10; len(l.batches) > most {
		l.base += len(l.batches) - most
		l.batches = l.batches[len(l.batches)-most:]
	}
	l.written = upTo
	l.done.Broadcast()
}

// note records an entry's batch, and then the wait for the lock.
func (l *synced) note(w *scenario.Watch, came int64, entry int) error {
	c := &commit{came: came, batch: l.batches[entry-l.base]}
	l.mu.Unlock()
	locked := w.Now()
	err := c.note(w)
	if end := c.batch.steps[0].end; end < locked {
		w.Note(breakdown.Lock, breakdown.NoPhase, end, locked)
	}
	return err
}

// openBroadcast starts a writer that wakes all requests after each sync. Those whose
// entry came later wait again.
func openBroadcast(_ context.Context, env scenario.Env) (scenario.Work, error) {
	j, err := newJournal(env)
	if err != nil {
		return nil, err
	}
	var clock clock
	l := newSynced()
	go func() {
		l.mu.Lock()
		for {
			for l.appended == l.written {
				l.work.Wait()
			}
			l.sync(j, clock.watch.Now)
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		w.Time(breakdown.Lock, breakdown.NoPhase, func() error { l.mu.Lock(); return nil })
		came, entry := w.Now(), l.appended
		l.appended++
		l.work.Signal()
		for l.written <= entry {
			l.done.Wait()
		}
		return l.note(w, came, entry)
	}, nil
}

// openLeader has no writer: one of the requests that wait syncs for all of them.
func openLeader(_ context.Context, env scenario.Env) (scenario.Work, error) {
	j, err := newJournal(env)
	if err != nil {
		return nil, err
	}
	l := newSynced()
	return func(_ context.Context, w *scenario.Watch) error {
		w.Time(breakdown.Lock, breakdown.NoPhase, func() error { l.mu.Lock(); return nil })
		came, entry := w.Now(), l.appended
		l.appended++
		for l.written <= entry {
			if l.writing {
				l.done.Wait()
				continue
			}
			l.writing = true
			l.sync(j, w.Now)
			l.writing = false
		}
		return l.note(w, came, entry)
	}, nil
}

// behindBatches checks that requests queued behind batches, not behind single requests.
func behindBatches(e *breakdown.Endpoint) error {
	if h := e.Buckets[breakdown.Wait].Culprit(); h != nil && !h.Batch {
		return fmt.Errorf("%s does not serve batches", h.Function)
	}
	return nil
}

// openUneven starts a worker that serves requests one by one. Some jobs take no time: such
// a job is done right after the one before it, and shares nothing with it.
func openUneven(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var clock clock
	queue := make(chan *commit, 256)
	go func() {
		random := rand.New(rand.NewPCG(1, 2))
		for c := range queue {
			c.batch = &batch{began: clock.watch.Now()}
			if random.IntN(2) == 0 {
				err := o.query(ctx, 8*time.Millisecond)
				c.batch.did(breakdown.DB, clock.watch.Now(), err)
			}
			close(c.done)
		}
	}()
	return func(_ context.Context, w *scenario.Watch) error {
		clock.set(w)
		return hand(w, queue)
	}, nil
}

// openBroadcastPool lets one request query at a time. When its query is done, a request
// wakes all that wait. One of them goes next, and the others wait again.
func openBroadcastPool(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	o, err := openOthers(ctx, env)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	freed, taken := sync.NewCond(&mu), false
	return func(ctx context.Context, w *scenario.Watch) error {
		w.Time(breakdown.Wait, breakdown.NoPhase, func() error {
			mu.Lock()
			defer mu.Unlock()
			for taken {
				freed.Wait()
			}
			taken = true
			return nil
		})
		defer func() {
			mu.Lock()
			taken = false
			mu.Unlock()
			freed.Broadcast()
		}()
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error { return o.query(ctx, 8*time.Millisecond) })
	}, nil
}

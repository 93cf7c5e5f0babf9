package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"timesink/cmd/internal/services/scenario"
)

// one is the load of services that compute, which leaves the other core to the clients.
var one = []clients{{number: 1}}

// computingRows are about what the processors are busy with.
var computingRows = []row{
	{service: "prices computed in the service's own code", plants: "cpu-own-code", load: one, open: handled(openPricing)},
	{service: "patterns compiled for each request", plants: "compiles-per-request", also: []string{"cpu-own-code", "allocation"}, load: []clients{{number: 1, think: time.Millisecond}}, open: handled(openSanitizing(false))},
	{service: "patterns compiled once", plants: "cpu-own-code", also: []string{"allocation"}, load: one, open: handled(openSanitizing(true))},
	{service: "templates parsed for each request", plants: "compiles-per-request", also: []string{"cpu-own-code", "allocation"}, load: one, open: handled(openTemplates)},
	{service: "a large answer in JSON", plants: "serialization", also: []string{"cpu-own-code", "allocation"}, load: one, open: handled(openLargeJSON)},
	{service: "an answer compressed at the best level", plants: "compression", also: []string{"cpu-own-code"}, load: one, open: handled(openCompressing)},
	{service: "a signature for each answer", plants: "crypto", also: []string{"cpu-own-code"}, load: one, open: handled(openSigning)},
	{service: "a hundred log lines for each request", plants: "logging-cpu", also: []string{"cpu-own-code", "serialization", "allocation"}, load: one, open: handled(openChatty)},
	{service: "lists that are built and dropped", plants: "allocation", also: []string{"cpu-own-code", "gc-pressure"}, load: one, open: handled(openLists)},
	{service: "a heap at its limit", plants: "gc-pressure", also: []string{"no-processor", "allocation", "sleeping", "processors-held"}, env: []string{"GOMEMLIMIT=70MiB"}, load: []clients{{number: 4}}, open: handled(openFullHeap)},
	{service: "a report that takes the processors", plants: "processors-held", also: []string{"no-processor", "other-side"}, needs: []string{"http"}, load: []clients{{number: 3, think: 5 * time.Millisecond}}, open: handled(openRebuilding)},
}

// openPricing sums up many prices.
func openPricing(context.Context, scenario.Env) (work, error) {
	prices := make([]big.Int, 1200)
	for i := range prices {
		prices[i].Exp(big.NewInt(int64(i+3)), big.NewInt(40), nil)
	}
	return func(context.Context) error { total(prices); return nil }, nil
}

// total counts pairs that fit together.
func total(prices []big.Int) (n int) {
	for i := range prices {
		for j := 0; j < i; j += 7 {
			if fits(uint64(i), uint64(j)) {
				n++
			}
		}
	}
	return n
}

//go:noinline
func fits(a, b uint64) bool {
	for b != 0 {
		a, b = b, a%b
	}
	return a == 1
}

var patterns = []string{`(?i)[a-z0-9._%+-]{1,64}@[a-z0-9.-]{1,255}\.[a-z]{2,24}`, `\b(?:\d[ -]*?){13,16}\b`, `(?i)(password|token|secret)=\S{1,200}`}

func openSanitizing(once bool) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		text := strings.Repeat("a line of log with user@example.com in it; ", 4)
		if !once {
			const fields = 8 // of a line
			return func(context.Context) error {
				for range fields {
					sanitize(text)
				}
				return nil
			}, nil
		}
		var compiled []*regexp.Regexp
		for _, p := range patterns {
			compiled = append(compiled, regexp.MustCompile(p))
		}
		text = strings.Repeat(text, 20)
		return func(context.Context) error { replace(compiled, text); return nil }, nil
	}
}

func sanitize(s string) string {
	for _, p := range patterns {
		s = regexp.MustCompile(p).ReplaceAllString(s, "***")
	}
	return s
}

func replace(compiled []*regexp.Regexp, s string) string {
	for _, r := range compiled {
		s = r.ReplaceAllString(s, "***")
	}
	return s
}

// openTemplates parses a page before it fills it.
func openTemplates(context.Context, scenario.Env) (work, error) {
	page := "<html><body>" + strings.Repeat("<p class={{.Class}} onclick='{{.Click}}'>{{if .Name}}{{.Name | printf \"%s\"}}{{else}}nobody{{end}}</p>\n", 40) + "</body></html>"
	return func(context.Context) error { return show(page) }, nil
}

func show(page string) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(io.Discard, map[string]string{"Class": "a", "Click": "b()", "Name": "c"})
}

// A line is one of an order.
type line struct {
	Article string            `json:"article"`
	Price   float64           `json:"price"`
	Tags    []string          `json:"tags"`
	More    map[string]string `json:"more"`
}

func openLargeJSON(context.Context, scenario.Env) (work, error) {
	var lines []line
	for i := range 1500 {
		lines = append(lines, line{fmt.Sprint("article ", i), float64(i) / 7, []string{"new", "red"}, map[string]string{"size": "large", "from": "afar"}})
	}
	return func(context.Context) error { return encode(lines) }, nil
}

func encode(lines []line) error {
	text, err := json.Marshal(lines)
	if err != nil {
		return err
	}
	var again []line
	return json.Unmarshal(text, &again)
}

func openCompressing(context.Context, scenario.Env) (work, error) {
	var text bytes.Buffer
	for i := range 12_000 {
		fmt.Fprintf(&text, "%d: %x\n", i, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	return func(context.Context) error { return compress(text.Bytes()[:200<<10]) }, nil
}

func compress(text []byte) error {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	return z.Close()
}

func openSigning(context.Context, scenario.Env) (work, error) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return nil, err
	}
	return func(context.Context) error { return sign(key) }, nil
}

func sign(key *rsa.PrivateKey) error {
	_, err := rsa.SignPKCS1v15(rand.Reader, key, 0, []byte("an answer"))
	return err
}

// openChatty logs to nowhere, so that nothing waits for a file.
func openChatty(context.Context, scenario.Env) (work, error) {
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	return func(context.Context) error { chat(logger); return nil }, nil
}

func chat(logger *slog.Logger) {
	for i := range 800 {
		logger.Info("a step", "number", i, "of", 800, "name", "order", "took", time.Duration(i))
	}
}

// openLists allocates much that lives shortly.
func openLists(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { build(); return nil }, nil
}

// kept keeps what was built last from being placed on a stack.
var kept struct {
	sync.Mutex
	list []*line
}

func build() {
	var list []*line
	for i := range 20_000 {
		list = append(list, &line{Price: float64(i)})
	}
	kept.Lock()
	kept.list = list
	kept.Unlock()
}

// A node is one of many small things that point to others.
type node struct {
	next *node
	_    [112]byte
}

// openFullHeap keeps nearly as much as the limit allows.
func openFullHeap(context.Context, scenario.Env) (work, error) {
	var cache []*node
	for range 460_000 {
		n := &node{}
		if len(cache) > 0 {
			n.next = cache[len(cache)-1]
		}
		cache = append(cache, n)
	}
	return func(context.Context) error {
		render()
		time.Sleep(2 * time.Millisecond)
		if len(cache) == 0 {
			return http.ErrAbortHandler // it is kept
		}
		return nil
	}, nil
}

func render() {
	var pieces [][]byte
	for range 60 {
		pieces = append(pieces, make([]byte, 8<<10))
	}
	sort.Slice(pieces, func(i, j int) bool { return len(pieces[i]) < len(pieces[j]) })
}

// openRebuilding makes a call for each request, and beside that rebuilds something.
func openRebuilding(ctx context.Context, env scenario.Env) (work, error) {
	go rebuildOften(ctx)
	client, url := roomy(), "http://"+env["http"]+"?wait=3ms&rest=0s&size=200"
	return func(ctx context.Context) error { return get(ctx, client, url) }, nil
}

func rebuildOften(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ctx.Err() == nil; <-tick.C {
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() { rebuild(650 * time.Millisecond) })
		}
		all.Wait()
	}
}

func rebuild(d time.Duration) {
	var sum [sha256.Size]byte
	for end := time.Now().Add(d); time.Now().Before(end); {
		for range 2000 {
			sum = sha256.Sum256(sum[:])
		}
	}
}

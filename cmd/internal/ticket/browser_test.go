package ticket_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long the browser may take for anything on a busy machine.
const patience = 2 * time.Minute

// browser is the browser in which all tests open their tabs; TestMain starts it.
var browser context.Context

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // tests run as root, where Chromium has none
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-lcd-text", true),
	)...)
	defer cancel()
	var stop context.CancelFunc
	browser, stop = chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "starting Chromium (Debian's package chromium):", err)
		return 1
	}
	folder, err := os.MkdirTemp("", "ticket-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	captures.folder = folder
	return m.Run()
}

// A tab shows a page and records its network requests, its console messages and
// violations of its own policy.
type tab struct {
	t    *testing.T
	ctx  context.Context
	file string

	mu       sync.Mutex
	requests []string
	problems []string
}

// A view is a way to look at a page.
type view struct {
	width, height int64
	scale         float64
	dark          bool
	noScript      bool
}

var desk = view{width: 1280, height: 800}

// open shows a file. At the end of the test it fails if the page did anything
// forbidden.
func open(t *testing.T, file string, v view) *tab {
	t.Helper()
	b := watch(t, file, v)
	t.Cleanup(func() {
		requests, problems := b.seen()
		for _, p := range problems {
			t.Errorf("the browser complains: %s", p)
		}
		if len(requests) != 1 {
			t.Errorf("the page asked for more than itself: %q", requests)
		}
	})
	return b
}

// watch shows a file without checks.
func watch(t *testing.T, file string, v view) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which would close with a timeout's context
		t.Fatal(err)
	}
	ctx, timeout := context.WithTimeout(ctx, 3*patience)
	t.Cleanup(timeout)
	b := &tab{t: t, ctx: ctx, file: (&url.URL{Scheme: "file", Path: file}).String()}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	call(b, log.Enable, cdp.Empty{})
	call(b, network.Enable, network.EnableParams{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: v.width, Height: v.height, DeviceScaleFactor: cmp.Or(v.scale, 1)})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.noScript})
	run(b, chromedp.Navigate(b.file))
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console.%s: %v", e.Type, e.Args))
	case *log.EventEntryAdded:
		b.problems = append(b.problems, fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text))
	}
}

func (b *tab) seen() (requests, problems []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests), slices.Clone(b.problems)
}

// call sends a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

func run[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// ask evaluates an expression in the page, even if the page's own scripts are disabled.
func ask[T any](b *tab, expression string, args ...any) T {
	b.t.Helper()
	expression = with(expression, args)
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to be true.
func (b *tab) until(expression string, args ...any) {
	b.t.Helper()
	expression = with(expression, args)
	deadline := time.Now().Add(patience)
	for !ask[bool](b, "!!("+expression+")") {
		if time.Now().After(deadline) {
			b.picture("timeout")
			b.t.Fatalf("never came true: %s\nleft is %v", expression, ask[any](b, strings.Split(expression, " === ")[0]))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// with replaces each %s of an expression with a value as JSON.
func with(expression string, args []any) string {
	if len(args) == 0 {
		return expression
	}
	texts := make([]any, len(args))
	for i, a := range args {
		text, _ := json.Marshal(a)
		texts[i] = string(text)
	}
	return fmt.Sprintf(expression, texts...)
}

// click clicks the center of the first element that matches a selector, as a mouse
// does.
func (b *tab) click(selector string) {
	b.t.Helper()
	ask[bool](b, `(document.querySelector(%s).scrollIntoView({block: "center"}), true)`, selector)
	at := ask[[]float64](b, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector(%s).getBoundingClientRect())`, selector)
	run(b, chromedp.MouseClickXY(at[0], at[1]))
}

// media shows the page as on paper, "print", or on a screen, "".
func (b *tab) media(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: name})
}

// picture writes a screenshot of the visible part of the page to the folder of
// screenshots, if there is one; whole writes the whole page, part one element.
func (b *tab) picture(name string) { take(b, name, chromedp.CaptureScreenshot()) }
func (b *tab) whole(name string)   { take(b, name, chromedp.FullScreenshot(100)) }
func (b *tab) part(name, selector string) {
	take(b, name, chromedp.Screenshot(chromedp.CSS(selector)))
}

func take(b *tab, name string, screenshot chromedp.Action[[]byte]) {
	b.t.Helper()
	if os.Getenv("TICKET_SCREENSHOTS") != "" {
		keep(b.t, name+".png", run(b, screenshot))
	}
}

func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	folder := os.Getenv("TICKET_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

//go:build whole

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/big"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-playground/validator/v10"
	"github.com/gofiber/fiber/v2"

	"timesink/cmd/internal/services/scenario"
)

func init() { families = append(families, family{"toil", toilRows}) }

// toilRows are about computing that is done in vain, or again for each request.
var toilRows = []row{
	{service: "a validator made for each request", plants: "compiles-per-request", also: []string{"cpu-own-code", "allocation"}, load: one, open: handled(openValidating(false))},
	{service: "a validator made once", also: []string{"cpu-own-code"}, load: one, open: handled(openValidating(true))},
	{service: "a time zone loaded for each item of a list", plants: "compiles-per-request", also: []string{"cpu-own-code", "many-system-calls"}, load: one, open: handled(openZoned(false))},
	{service: "time zones loaded once", also: []string{"cpu-own-code"}, load: one, open: handled(openZoned(true))},
	{service: "roots of trust read for each request", plants: "compiles-per-request", also: []string{"cpu-own-code", "allocation"}, load: one, open: handled(openTrusting(false))},
	{service: "roots of trust read once", also: []string{"cpu-own-code"}, load: one, open: handled(openTrusting(true))},
	{service: "a list without what it has twice, pair by pair", plants: "cpu-own-code", load: one, open: handled(openUnique)},
	{service: "a feed in XML", plants: "serialization", also: []string{"cpu-own-code", "allocation"}, load: one, open: handled(openFeed)},
	{service: "a picture scaled pixel by pixel", plants: "cpu-own-code", also: []string{"allocation"}, load: one, open: handled(openScaling)},
	{service: "a stack trace for each failure", plants: "cpu-own-code", also: []string{"allocation"}, load: one, open: handled(openTracing)},
	{service: "a map of large values", plants: "cpu-own-code", load: one, open: handled(openLargeValues)},
	{service: "a number of many digits", plants: "cpu-own-code", also: []string{"allocation"}, load: one, open: handled(openDigits)},
	{service: "a deep copy by reflection", plants: "cpu-own-code", also: []string{"allocation", "gc-pressure"}, load: one, open: handled(openCopying)},
	{service: "keys that are formatted", plants: "cpu-own-code", also: []string{"allocation"}, load: one, open: handled(openKeyed)},
	{service: "a list sorted by dates that are parsed again and again", plants: "cpu-own-code", load: one, open: handled(openDated)},
	{service: "pages compressed by chi's middleware", plants: "compression", also: []string{"cpu-own-code"}, load: []clients{{number: 1, path: "/page"}}, open: openCompressed},
	{service: "a list in JSON by fiber", plants: "serialization", also: []string{"cpu-own-code", "allocation"}, load: []clients{{number: 1, path: "/list"}}, endpoints: []string{"(*desk).list"}, open: func(context.Context, scenario.Env) (http.Handler, error) { return nil, nil }, listen: listenFiber},
	{service: "one processor for six requests", plants: "no-processor", also: []string{"cpu-own-code", "no-core"}, env: []string{"GOMAXPROCS=1"}, load: six, open: handled(openComputing(4 * time.Millisecond))},
}

// An application is checked before it is taken.
type application struct {
	Name    string   `validate:"required,min=2,max=80"`
	Mail    string   `validate:"required,email"`
	Age     int      `validate:"gte=18,lte=130"`
	Country string   `validate:"required,iso3166_1_alpha2"`
	Tags    []string `validate:"max=10,dive,required,alphanum"`
}

func openValidating(once bool) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		kept, a := validator.New(), &application{"Ada", "ada@service.test", 36, "DE", []string{"one", "two"}}
		return func(context.Context) error { return check(kept, once, a) }, nil
	}
}

func check(v *validator.Validate, once bool, a *application) error {
	if !once {
		v = validator.New()
	}
	return v.Struct(a)
}

func openZoned(once bool) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		kept, err := time.LoadLocation("America/New_York")
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { return localTimes(kept, once) }, nil
	}
}

func localTimes(zone *time.Location, once bool) (err error) {
	at := time.Unix(1_700_000_000, 0)
	for n := range 40 {
		if !once {
			if zone, err = time.LoadLocation("America/New_York"); err != nil {
				return err
			}
		}
		if at.Add(time.Duration(n)*time.Hour).In(zone).Format(time.RFC1123) == "" {
			return fmt.Errorf("there is no time")
		}
	}
	return nil
}

// openTrusting makes what a client over TLS is configured with.
func openTrusting(once bool) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		roots, err := authorities(30)
		if err != nil {
			return nil, err
		}
		kept, err := trust(roots)
		if err != nil {
			return nil, err
		}
		return func(context.Context) (err error) {
			config := kept
			if !once {
				config, err = trust(roots)
			}
			if err == nil && config.RootCAs == nil {
				err = fmt.Errorf("there are no roots")
			}
			return err
		}, nil
	}
}

func trust(roots []byte) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("there are no certificates")
	}
	return &tls.Config{RootCAs: pool}, nil
}

// authorities returns certificates that sign themselves.
func authorities(n int) ([]byte, error) {
	var out bytes.Buffer
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	for i := range n {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprint("authority ", i)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			return nil, err
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func openUnique(context.Context, scenario.Env) (work, error) {
	var list []string
	for i := range 1500 {
		list = append(list, "customer "+strconv.Itoa(i%1200))
	}
	return func(context.Context) error {
		if len(unique(list)) != 1200 {
			return fmt.Errorf("some are missing")
		}
		return nil
	}, nil
}

func unique[T comparable](list []T) (out []T) {
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// A feed is an answer in XML.
type feed struct {
	Entries []entry `xml:"entry"`
}

type entry struct {
	ID    int      `xml:"id,attr"`
	Title string   `xml:"title"`
	Tags  []string `xml:"tags>tag"`
}

func openFeed(context.Context, scenario.Env) (work, error) {
	var f feed
	for i := range 300 {
		f.Entries = append(f.Entries, entry{i, fmt.Sprint("entry ", i), []string{"one", "two"}})
	}
	return func(context.Context) error { return exchangeFeed(&f) }, nil
}

func exchangeFeed(f *feed) error {
	text, err := xml.Marshal(f)
	if err != nil {
		return err
	}
	return xml.Unmarshal(text, new(feed))
}

func openScaling(context.Context, scenario.Env) (work, error) {
	from := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for i := range from.Pix {
		from.Pix[i] = byte(i * 7)
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, from, nil); err != nil {
		return nil, err
	}
	return func(context.Context) error { return thumbnail(file.Bytes()) }, nil
}

func thumbnail(file []byte) error {
	from, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		return err
	}
	return jpeg.Encode(io.Discard, scale(from, 3), nil)
}

// scale averages pixels, each of which is asked for by the interface.
func scale(from image.Image, by int) image.Image {
	b := from.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, b.Dx()/by, b.Dy()/by))
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			var r, g, bl uint32
			for dy := range by {
				for dx := range by {
					pr, pg, pb, _ := from.At(x*by+dx, y*by+dy).RGBA()
					r, g, bl = r+pr>>8, g+pg>>8, bl+pb>>8
				}
			}
			n := uint32(by * by)
			to.Set(x, y, color.RGBA{byte(r / n), byte(g / n), byte(bl / n), 255})
		}
	}
	return to
}

// openTracing keeps where each of many failures happened.
func openTracing(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error {
		for n := range 60 {
			descend(n % 20)
		}
		return nil
	}, nil
}

type failure struct{ stack []byte }

//go:noinline
func descend(depth int) *failure {
	if depth > 0 {
		return descend(depth - 1)
	}
	return newFailure()
}

func newFailure() *failure { return &failure{debug.Stack()} }

type profileOf struct {
	score int
	_     [2000]byte
}

func openLargeValues(context.Context, scenario.Env) (work, error) {
	all := map[int]profileOf{}
	for i := range 4000 {
		all[i] = profileOf{score: i}
	}
	return func(context.Context) error {
		if best(all) != 3999 {
			return fmt.Errorf("it is not the best")
		}
		return nil
	}, nil
}

func best(all map[int]profileOf) (most int) {
	for id := range len(all) {
		p := all[id]
		most = max(most, scoreOf(p))
	}
	return most
}

//go:noinline
func scoreOf(p profileOf) int { return p.score }

func openDigits(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error {
		if permutations(3000) == "" {
			return fmt.Errorf("there is no number")
		}
		return nil
	}, nil
}

func permutations(n int64) string { return new(big.Int).MulRange(1, n).String() }

func openCopying(context.Context, scenario.Env) (work, error) {
	var lines []line
	for i := range 600 {
		lines = append(lines, line{fmt.Sprint("article ", i), float64(i), []string{"new", "red"}, map[string]string{"size": "large", "from": "afar"}})
	}
	return func(context.Context) error { deepCopy(reflect.ValueOf(lines)); return nil }, nil
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Slice:
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(deepCopy(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := reflect.MakeMap(v.Type())
		for _, k := range v.MapKeys() {
			out.SetMapIndex(k, deepCopy(v.MapIndex(k)))
		}
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(deepCopy(v.Field(i)))
		}
		return out
	}
	return v
}

func openKeyed(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error {
		if len(keys(6000)) != 6000 {
			return fmt.Errorf("some keys are missing")
		}
		return nil
	}, nil
}

func keys(n int) map[string]int {
	out := make(map[string]int, n)
	for i := range n {
		out[fmt.Sprintf("%s:%d:%v", "tenant", i, float64(i)/3)] = i
	}
	return out
}

func openDated(context.Context, scenario.Env) (work, error) {
	var dates []string
	for i := range 600 {
		dates = append(dates, time.Unix(int64(i*7919%600)*86_400, 0).UTC().Format(time.RFC3339))
	}
	return func(context.Context) error { latestFirst(slices.Clone(dates)); return nil }, nil
}

func latestFirst(dates []string) {
	sort.Slice(dates, func(i, j int) bool {
		a, _ := time.Parse(time.RFC3339, dates[i])
		b, _ := time.Parse(time.RFC3339, dates[j])
		return a.After(b)
	})
}

func openCompressed(context.Context, scenario.Env) (http.Handler, error) {
	page := []byte(strings.Repeat("<p>a line of a page that is as long as others</p>\n", 3000))
	r := chi.NewRouter()
	compressor := middleware.NewCompressor(9, "text/html")
	r.Use(func(next http.Handler) http.Handler {
		return compressor.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) }))
	})
	r.Use(asksForGzip)
	r.Get("/page", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write(page)
	})
	return asksForGzip(r), nil
}

// asksForGzip lets the clients accept compressed answers.
func asksForGzip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Encoding", "gzip")
		next.ServeHTTP(w, r)
	})
}

// A desk serves by fiber.
type desk struct{ lines []line }

func listenFiber(ctx context.Context, _ http.Handler) (string, error) {
	d := &desk{}
	for i := range 1500 {
		d.lines = append(d.lines, line{fmt.Sprint("article ", i), float64(i) / 7, []string{"new", "red"}, map[string]string{"size": "large", "from": "afar"}})
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/list", d.list)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go app.Listener(l)
	context.AfterFunc(ctx, func() { app.Shutdown() })
	return "http://" + l.Addr().String(), nil
}

func (d *desk) list(c *fiber.Ctx) error { return c.JSON(d.lines) }

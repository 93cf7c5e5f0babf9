package rules

import (
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

const serve = "net/http.HandlerFunc.ServeHTTP < net/http.(*conn).serve"

func TestStacksShowWhatIsComputed(t *testing.T) {
	for _, c := range []struct {
		name, stack  string
		activity     breakdown.Activity
		called, site string
	}{
		{"a pattern is compiled", "runtime.mallocgc < runtime.growslice < regexp/syntax.(*parser).push < regexp/syntax.Parse < regexp.compile < regexp.Compile < regexp.MustCompile < main.mask < main.get < " + serve,
			breakdown.CompilingPatterns, "regexp.MustCompile", "main.mask"},
		{"a pattern is compiled for one match", "regexp/syntax.Parse < regexp.compile < regexp.Compile < regexp.MatchString < main.get < " + serve,
			breakdown.CompilingPatterns, "regexp.MatchString", "main.get"},
		{"a pattern is matched", "regexp.(*machine).step < regexp.(*Regexp).doExecute < regexp.(*Regexp).ReplaceAllString < main.mask < " + serve,
			breakdown.Matching, "regexp.(*Regexp).ReplaceAllString", "main.mask"},
		{"a compiled pattern is matched rune by rune", "regexp/syntax.(*Inst).MatchRunePos < regexp/syntax.(*Inst).MatchRune < regexp.(*machine).step < regexp.(*Regexp).doExecute < regexp.(*Regexp).ReplaceAllString < main.mask < " + serve,
			breakdown.Matching, "regexp.(*Regexp).ReplaceAllString", "main.mask"},
		{"a pattern is parsed by itself", "regexp/syntax.(*parser).push < regexp/syntax.Parse < main.check < " + serve,
			breakdown.CompilingPatterns, "regexp/syntax.Parse", "main.check"},
		{"a template is parsed", "text/template/parse.(*lexer).nextItem < text/template/parse.Parse < text/template.(*Template).Parse < html/template.(*Template).Parse < main.page < " + serve,
			breakdown.ParsingTemplates, "html/template.(*Template).Parse", "main.page"},
		{"a template is escaped at its first execution", "html/template.(*escaper).escape < html/template.escapeTemplate < html/template.(*Template).escape < html/template.(*Template).Execute < main.page < " + serve,
			breakdown.ParsingTemplates, "html/template.(*Template).Execute", "main.page"},
		{"a time zone is loaded", "syscall.read < time.read < time.loadTzinfo < time.LoadLocation < main.local < " + serve, breakdown.Preparing, "time.LoadLocation", "main.local"},
		{"certificates are parsed for a client", "crypto/x509.parseCertificate < crypto/x509.ParseCertificate < crypto/x509.(*CertPool).AppendCertsFromPEM < main.trust < " + serve,
			breakdown.Preparing, "crypto/x509.(*CertPool).AppendCertsFromPEM", "main.trust"},
		{"a certificate is parsed in a handshake", "crypto/x509.parseCertificate < crypto/x509.ParseCertificate < crypto/tls.(*Conn).verifyServerCertificate < crypto/tls.(*Conn).clientHandshake < main.ask < " + serve,
			breakdown.Crypto, "crypto/tls.(*Conn).clientHandshake", "main.ask"},
		{"a validator is made", "runtime.mallocgc < github.com/go-playground/validator/v10.New < main.check < " + serve,
			breakdown.Preparing, "github.com/go-playground/validator/v10.New", "main.check"},
		{"a type is looked at for the first time", "reflect.(*rtype).Field < github.com/go-playground/validator/v10.(*Validate).extractStructCache < github.com/go-playground/validator/v10.(*Validate).Struct < main.check < " + serve,
			breakdown.Preparing, "github.com/go-playground/validator/v10.(*Validate).Struct", "main.check"},
		{"a value is validated", "reflect.Value.Field < github.com/go-playground/validator/v10.(*validate).validateStruct < github.com/go-playground/validator/v10.(*Validate).Struct < main.check < " + serve,
			breakdown.Reflecting, "github.com/go-playground/validator/v10.(*Validate).Struct", "main.check"},
		{"a template is executed", "reflect.Value.Field < text/template.(*state).evalField < text/template.(*Template).Execute < main.page < " + serve,
			breakdown.Rendering, "text/template.(*Template).Execute", "main.page"},
		{"a value is encoded", "runtime.mallocgc < reflect.unsafe_New < encoding/json.mapEncoder.encode < encoding/json.Marshal < main.list < " + serve,
			breakdown.Serializing, "encoding/json.Marshal", "main.list"},
		{"a value is encoded to a compressor", "compress/flate.(*compressor).deflate < compress/gzip.(*Writer).Write < encoding/json.(*Encoder).Encode < main.list < " + serve,
			breakdown.Compressing, "encoding/json.(*Encoder).Encode", "main.list"},
		{"an answer is encrypted", "crypto/internal/fips140/aes/gcm.seal < crypto/tls.(*halfConn).encrypt < crypto/tls.(*Conn).Write < net/http.(*response).Write < main.get < " + serve,
			breakdown.Crypto, "net/http.(*response).Write", "main.get"},
		{"a password is hashed", "golang.org/x/crypto/blowfish.encryptBlock < golang.org/x/crypto/bcrypt.CompareHashAndPassword < main.login < " + serve,
			breakdown.Crypto, "golang.org/x/crypto/bcrypt.CompareHashAndPassword", "main.login"},
		{"a checksum is computed", "crypto/internal/fips140/sha256.blockSHANI < crypto/internal/fips140/sha256.(*Digest).Write < crypto/sha256.Sum256 < main.sum < " + serve,
			breakdown.Hashing, "crypto/sha256.Sum256", "main.sum"},
		{"a line is logged as JSON", "strconv.AppendInt < encoding/json.Marshal < log/slog.(*JSONHandler).Handle < log/slog.(*Logger).Info < main.audit < " + serve,
			breakdown.Logging, "log/slog.(*Logger).Info", "main.audit"},
		{"a line is logged by zap", "go.uber.org/zap/zapcore.(*jsonEncoder).AddString < go.uber.org/zap.(*Logger).Info < main.audit < " + serve,
			breakdown.Logging, "go.uber.org/zap.(*Logger).Info", "main.audit"},
		{"memory is allocated", "runtime.(*mcache).nextFree < runtime.mallocgc < runtime.newobject < main.build < " + serve,
			breakdown.Allocating, "runtime.newobject", "main.build"},
		{"a text is built", "runtime.memmove < fmt.(*buffer).writeString < fmt.Sprintf < main.key < " + serve, breakdown.Formatting, "fmt.Sprintf", "main.key"},
		{"a list is sorted", "slices.insertionSortOrdered[...] < slices.pdqsortOrdered[...] < slices.Sort[...] < main.rank < " + serve, breakdown.Sorting, "slices.Sort[...]", "main.rank"},
		{"bytes are copied", "runtime.memmove < main.join < " + serve, breakdown.Copying, "runtime.memmove", "main.join"},
		{"a picture is scaled", "golang.org/x/image/draw.(*Kernel).Scale < main.thumb < " + serve, breakdown.Imaging, "golang.org/x/image/draw.(*Kernel).Scale", "main.thumb"},
		{"the heap is measured", "runtime.readmemstats_m < runtime.systemstack < runtime.ReadMemStats < main.gauge < " + serve, breakdown.StoppingTheWorld, "runtime.ReadMemStats", "main.gauge"},
		{"garbage is collected", "runtime.sweepone < runtime.GC < main.tidy < " + serve, breakdown.StoppingTheWorld, "runtime.GC", "main.tidy"},
		{"memory is given back", "runtime.(*pageAlloc).scavenge < runtime/debug.FreeOSMemory < main.tidy < " + serve, breakdown.StoppingTheWorld, "runtime/debug.FreeOSMemory", "main.tidy"},
		{"collections are counted", "runtime.readGCStats_m < runtime/debug.ReadGCStats < main.gauge < " + serve, breakdown.StoppingTheWorld, "runtime/debug.ReadGCStats", "main.gauge"},
		{"the collector is set", "runtime/debug.setGCPercent < runtime/debug.SetGCPercent < main.tune < " + serve, breakdown.StoppingTheWorld, "runtime/debug.SetGCPercent", "main.tune"},
		{"the service computes", "main.score < main.get < " + serve, breakdown.NoActivity, "", "main.score"},
		{"the service is interrupted", "runtime.asyncPreempt < main.score < " + serve, breakdown.NoActivity, "", "main.score"},
		{"a pointer is written while the collector marks", "runtime.wbBufFlush < gcWriteBarrier < main.score < " + serve, breakdown.NoActivity, "", "main.score"},
		{"a library computes", "example.com/geo.Distance < main.score < " + serve, breakdown.NoActivity, "example.com/geo.Distance", "main.score"},
		{"a server writes", "syscall.write < net/http.(*conn).serve", breakdown.NoActivity, "", "net/http.(*conn).serve"},
	} {
		if got := New().Classify(stack(c.stack)); got.Activity != c.activity || got.Called != c.called || got.Site.Function != c.site {
			t.Errorf("%s: %s, called %q at %s", c.name, got.Activity, got.Called, got.Site.Function)
		}
	}
}

func TestStacksShowTheCollector(t *testing.T) {
	for stackOf, want := range map[string]breakdown.Collecting{
		"runtime.scanobject < runtime.gcDrain < runtime.gcBgMarkWorker.func2 < runtime.systemstack < runtime.gcBgMarkWorker":     breakdown.Marking,
		"runtime.scanobject < runtime.gcDrainN < runtime.gcAssistAlloc1 < runtime.gcAssistAlloc < runtime.mallocgc < main.build": breakdown.Assisting,
		"runtime.(*sweepLocked).sweep < runtime.sweepone < runtime.bgsweep":                                                      breakdown.Sweeping,
		"runtime.(*sweepLocked).sweep < runtime.(*mcentral).cacheSpan < runtime.mallocgc < main.build":                           breakdown.Sweeping,
		"runtime.sysUnusedOS < runtime.(*pageAlloc).scavengeOne < runtime.(*pageAlloc).scavenge < runtime.bgscavenge":            breakdown.Scavenging,
		"runtime.mallocgc < main.build":                            breakdown.NotCollecting,
		"runtime.findRunnable < runtime.schedule < runtime.park_m": breakdown.NotCollecting,
	} {
		if got := New().Classify(stack(stackOf)).Collecting; got != want {
			t.Errorf("%s is %d, not %d", stackOf, got, want)
		}
	}
}

func TestGoroutinesOfClientsDoNotWorkAlone(t *testing.T) {
	for stackOf, want := range map[string]bool{
		"crypto/sha256.Sum256 < main.(*reporter).rebuild < main.(*reporter).run.func1": true,
		"example.com/kv.(*levels).compact < example.com/kv.(*DB).run":                  true,
		"bufio.(*Reader).Peek < net/http.(*persistConn).readLoop":                      false,
		"github.com/jackc/pgx/v5/pgconn/internal/bgreader.(*BGReader).bgRead":          false,
		"runtime.gcDrain < runtime.gcBgMarkWorker":                                     false,
	} {
		if got := WorksAlone(New().Classify(stack(stackOf))); got != want {
			t.Errorf("%s works alone: %v", stackOf, got)
		}
	}
}

// A row that a row before it covers would never be found.
func TestEachActivityRowCanMatch(t *testing.T) {
	for i := range doings {
		name := doings[i].Func
		if strings.HasSuffix(name, "/") {
			name += "x.f"
		} else if strings.HasSuffix(name, ".") {
			name += "f"
		}
		if got := doingOf(name); got != &doings[i] {
			t.Errorf("%s is found as %+v", name, got)
		}
	}
}

func TestStoppersAreToldByWhatWasCalled(t *testing.T) {
	for stackOf, want := range map[string]string{
		"runtime.goparkunlock < runtime.gcWaitOnMark < runtime.GC < main.tidy < " + serve:                                "runtime.GC",
		"runtime.goparkunlock < runtime.gcWaitOnMark < runtime.GC < runtime/debug.FreeOSMemory < main.tidy < " + serve:   "runtime/debug.FreeOSMemory",
		"runtime.goparkunlock < runtime.gcParkAssist < runtime.gcAssistAlloc < runtime.mallocgc < main.build < " + serve: "",
	} {
		if got := Stopper(stack(stackOf)); got != want {
			t.Errorf("%s: %q", stackOf, got)
		}
	}
}

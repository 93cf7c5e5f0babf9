package rules

import (
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// A doing says what code computes below a function. Func is a function or a prefix, as in
// a Rule. Of a stack's frames below the service's own code, the outermost one with a row
// decides: what it uses inside is how it works.
type doing struct {
	Func     string
	Activity breakdown.Activity
	// Within: it is work of its own in whatever calls it, such as compression in a writer
	// that something is encoded to.
	Within bool
	// Last: it counts only if nothing else is known.
	Last bool
}

// doings holds the rows. The first one that matches a function wins.
var doings = slices.Concat(stoppers, compilers, preparers, transforms, encoders, others)

// stoppers stop all goroutines, or wait until a collection of garbage has ended, for
// whoever calls them.
var stoppers = []doing{
	{Func: "runtime.GC", Activity: breakdown.StoppingTheWorld, Within: true},
	{Func: "runtime.ReadMemStats", Activity: breakdown.StoppingTheWorld, Within: true},
	{Func: "runtime/debug.FreeOSMemory", Activity: breakdown.StoppingTheWorld, Within: true},
	{Func: "runtime/debug.ReadGCStats", Activity: breakdown.StoppingTheWorld, Within: true},
	{Func: "runtime/debug.SetGCPercent", Activity: breakdown.StoppingTheWorld, Within: true},
}

// Stopper returns the function with which a stack, leaf first, stops all goroutines or waits
// for a collection that it asked for, "" if there is none: the one that was called.
func Stopper(stack []breakdown.Frame) (function string) {
	for _, f := range stack {
		if slices.ContainsFunc(stoppers, func(d doing) bool { return d.Func == f.Function }) {
			function = f.Function
		}
	}
	return function
}

// compilers turn text into something to run. To do so again for each request is waste.
var compilers = []doing{
	{Func: "regexp.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp.CompilePOSIX", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp.MustCompile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp.MustCompilePOSIX", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp.compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp/syntax.Parse", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "regexp/syntax.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/dlclark/regexp2.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/dlclark/regexp2.MustCompile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/dlclark/regexp2/syntax.Parse", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/dlclark/regexp2/syntax.Write", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/gobwas/glob.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/gobwas/glob.MustCompile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/gobwas/glob/compiler.", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/gobwas/glob/syntax/", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/expr-lang/expr.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/google/cel-go/cel.(*Env).Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/google/cel-go/cel.(*Env).Parse", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/google/cel-go/cel.(*Env).Check", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/itchyny/gojq.Parse", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/itchyny/gojq.Compile", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/santhosh-tekuri/jsonschema/v5.(*Compiler).", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/santhosh-tekuri/jsonschema/v6.(*Compiler).", Activity: breakdown.CompilingPatterns, Within: true},
	{Func: "github.com/xeipuuv/gojsonschema.NewSchema", Activity: breakdown.CompilingPatterns, Within: true},

	{Func: "text/template/parse.", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "text/template.(*Template).Parse", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "text/template.(*Template).ParseFiles", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "text/template.(*Template).ParseGlob", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "text/template.(*Template).ParseFS", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "text/template.parseFiles", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).Parse", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).ParseFiles", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).ParseGlob", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).ParseFS", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.parseFiles", Activity: breakdown.ParsingTemplates, Within: true},
	// The first execution after parsing rewrites the template.
	{Func: "html/template.escapeTemplate", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).escape", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*Template).lookupAndEscapeTemplate", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "html/template.(*escaper).", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "github.com/flosch/pongo2/v6.FromString", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "github.com/flosch/pongo2/v6.FromFile", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "github.com/aymerick/raymond.Parse", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "github.com/cbroglie/mustache.ParseString", Activity: breakdown.ParsingTemplates, Within: true},
	{Func: "github.com/osteele/liquid.(*Engine).ParseTemplate", Activity: breakdown.ParsingTemplates, Within: true},
}

// preparers read or build what is the same each time: a time zone from its file, trust from
// certificates, rules of validation from a type, a database's mapper, a schema, a policy.
var preparers = []doing{
	{Func: "time.LoadLocation", Activity: breakdown.Preparing, Within: true},
	{Func: "time.LoadLocationFromTZData", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/x509.(*CertPool).AppendCertsFromPEM", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/x509.SystemCertPool", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/tls.X509KeyPair", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/tls.LoadX509KeyPair", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/x509.ParsePKCS1PrivateKey", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/x509.ParsePKCS8PrivateKey", Activity: breakdown.Preparing, Within: true},
	{Func: "crypto/x509.ParsePKIXPublicKey", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/golang-jwt/jwt/v4.ParseRSAPrivateKeyFromPEM", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/golang-jwt/jwt/v5.ParseRSAPrivateKeyFromPEM", Activity: breakdown.Preparing, Within: true},
	{Func: "strings.NewReplacer", Activity: breakdown.Preparing, Within: true},
	{Func: "strings.(*Replacer).buildOnce", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/go-playground/validator/v10.New", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/go-playground/validator/v10.(*Validate).extractStructCache", Activity: breakdown.Preparing, Within: true},
	{Func: "gorm.io/gorm.Open", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/casbin/casbin/v2.NewEnforcer", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/aws/aws-sdk-go-v2/config.LoadDefaultConfig", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/getkin/kin-openapi/openapi3.(*Loader).", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/vektah/gqlparser/v2.LoadSchema", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/graphql-go/graphql.NewSchema", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/graph-gophers/graphql-go.ParseSchema", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/google/cel-go/cel.NewEnv", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/open-policy-agent/opa/rego.(*Rego).PrepareForEval", Activity: breakdown.Preparing, Within: true},
	{Func: "github.com/open-policy-agent/opa/v1/rego.(*Rego).PrepareForEval", Activity: breakdown.Preparing, Within: true},
}

// transforms turn bytes into others.
var transforms = []doing{
	{Func: "compress/", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/klauspost/compress/", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/klauspost/pgzip.", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/andybalholm/brotli.", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/andybalholm/brotli/", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/golang/snappy.", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/pierrec/lz4/", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/ulikunitz/xz.", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/DataDog/zstd.", Activity: breakdown.Compressing, Within: true},
	{Func: "github.com/valyala/gozstd.", Activity: breakdown.Compressing, Within: true},
	{Func: "archive/zip.", Activity: breakdown.Compressing},

	{Func: "crypto/md5.", Activity: breakdown.Hashing},
	{Func: "crypto/sha1.", Activity: breakdown.Hashing},
	{Func: "crypto/sha256.", Activity: breakdown.Hashing},
	{Func: "crypto/sha512.", Activity: breakdown.Hashing},
	{Func: "crypto/sha3.", Activity: breakdown.Hashing},
	{Func: "crypto/internal/fips140/sha256.", Activity: breakdown.Hashing},
	{Func: "crypto/internal/fips140/sha512.", Activity: breakdown.Hashing},
	{Func: "crypto/internal/fips140/sha3.", Activity: breakdown.Hashing},
	{Func: "crypto/internal/fips140deps/", Activity: breakdown.Hashing},
	{Func: "crypto/internal/fips140only.", Activity: breakdown.Hashing},
	{Func: "crypto/internal/boring.", Activity: breakdown.Hashing},
	{Func: "hash/", Activity: breakdown.Hashing},
	{Func: "golang.org/x/crypto/blake2b.", Activity: breakdown.Hashing},
	{Func: "golang.org/x/crypto/blake2s.", Activity: breakdown.Hashing},
	{Func: "golang.org/x/crypto/sha3.", Activity: breakdown.Hashing},
	{Func: "github.com/cespare/xxhash/", Activity: breakdown.Hashing},
	{Func: "github.com/cespare/xxhash.", Activity: breakdown.Hashing},
	{Func: "github.com/spaolacci/murmur3.", Activity: breakdown.Hashing},
	{Func: "github.com/zeebo/", Activity: breakdown.Hashing},
	{Func: "github.com/minio/highwayhash.", Activity: breakdown.Hashing},
	{Func: "github.com/minio/sha256-simd.", Activity: breakdown.Hashing},

	{Func: "crypto/", Activity: breakdown.Crypto, Within: true},
	{Func: "golang.org/x/crypto/", Activity: breakdown.Crypto, Within: true},
	{Func: "filippo.io/", Activity: breakdown.Crypto, Within: true},
	{Func: "github.com/golang-jwt/jwt/", Activity: breakdown.Crypto},
	{Func: "github.com/golang-jwt/jwt.", Activity: breakdown.Crypto},
	{Func: "github.com/go-jose/", Activity: breakdown.Crypto},
	{Func: "github.com/lestrrat-go/jwx/", Activity: breakdown.Crypto},
	{Func: "github.com/decred/dcrd/dcrec/", Activity: breakdown.Crypto, Within: true},
	{Func: "github.com/alexedwards/argon2id.", Activity: breakdown.Crypto, Within: true},
}

// encoders turn values into bytes and back.
var encoders = []doing{
	{Func: "encoding/", Activity: breakdown.Serializing},
	{Func: "google.golang.org/protobuf/", Activity: breakdown.Serializing},
	{Func: "github.com/golang/protobuf/", Activity: breakdown.Serializing},
	{Func: "github.com/gogo/protobuf/", Activity: breakdown.Serializing},
	{Func: "github.com/planetscale/vtprotobuf/", Activity: breakdown.Serializing},
	{Func: "google.golang.org/grpc/encoding/", Activity: breakdown.Serializing},
	{Func: "github.com/json-iterator/go.", Activity: breakdown.Serializing},
	{Func: "github.com/bytedance/sonic.", Activity: breakdown.Serializing},
	{Func: "github.com/bytedance/sonic/", Activity: breakdown.Serializing},
	{Func: "github.com/goccy/go-json.", Activity: breakdown.Serializing},
	{Func: "github.com/goccy/go-json/", Activity: breakdown.Serializing},
	{Func: "github.com/goccy/go-yaml.", Activity: breakdown.Serializing},
	{Func: "github.com/goccy/go-yaml/", Activity: breakdown.Serializing},
	{Func: "github.com/segmentio/encoding/", Activity: breakdown.Serializing},
	{Func: "github.com/mailru/easyjson.", Activity: breakdown.Serializing},
	{Func: "github.com/mailru/easyjson/", Activity: breakdown.Serializing},
	{Func: "github.com/go-json-experiment/json.", Activity: breakdown.Serializing},
	{Func: "github.com/go-json-experiment/json/", Activity: breakdown.Serializing},
	{Func: "github.com/tidwall/gjson.", Activity: breakdown.Serializing},
	{Func: "github.com/tidwall/sjson.", Activity: breakdown.Serializing},
	{Func: "github.com/buger/jsonparser.", Activity: breakdown.Serializing},
	{Func: "github.com/valyala/fastjson.", Activity: breakdown.Serializing},
	{Func: "github.com/pquerna/ffjson/", Activity: breakdown.Serializing},
	{Func: "gopkg.in/yaml%2ev2.", Activity: breakdown.Serializing},
	{Func: "gopkg.in/yaml%2ev3.", Activity: breakdown.Serializing},
	{Func: "gopkg.in/yaml.v2.", Activity: breakdown.Serializing},
	{Func: "gopkg.in/yaml.v3.", Activity: breakdown.Serializing},
	{Func: "go.yaml.in/yaml/", Activity: breakdown.Serializing},
	{Func: "sigs.k8s.io/yaml.", Activity: breakdown.Serializing},
	{Func: "sigs.k8s.io/json.", Activity: breakdown.Serializing},
	{Func: "github.com/BurntSushi/toml.", Activity: breakdown.Serializing},
	{Func: "github.com/pelletier/go-toml.", Activity: breakdown.Serializing},
	{Func: "github.com/pelletier/go-toml/", Activity: breakdown.Serializing},
	{Func: "github.com/vmihailenco/msgpack/", Activity: breakdown.Serializing},
	{Func: "github.com/ugorji/go/codec.", Activity: breakdown.Serializing},
	{Func: "github.com/tinylib/msgp/", Activity: breakdown.Serializing},
	{Func: "github.com/fxamacker/cbor/", Activity: breakdown.Serializing},
	{Func: "github.com/hamba/avro/", Activity: breakdown.Serializing},
	{Func: "github.com/linkedin/goavro/", Activity: breakdown.Serializing},
	{Func: "github.com/apache/thrift/lib/go/", Activity: breakdown.Serializing},
	{Func: "go.mongodb.org/mongo-driver/bson.", Activity: breakdown.Serializing},
	{Func: "go.mongodb.org/mongo-driver/bson/", Activity: breakdown.Serializing},
	{Func: "go.mongodb.org/mongo-driver/v2/bson.", Activity: breakdown.Serializing},
	{Func: "github.com/google/flatbuffers/", Activity: breakdown.Serializing},
}

// others is what else is worth a name.
var others = []doing{
	{Func: "regexp.", Activity: breakdown.Matching},
	{Func: "github.com/dlclark/regexp2.", Activity: breakdown.Matching},
	{Func: "github.com/gobwas/glob/", Activity: breakdown.Matching},
	{Func: "path.Match", Activity: breakdown.Matching},
	{Func: "path/filepath.Match", Activity: breakdown.Matching},
	{Func: "text/template.", Activity: breakdown.Rendering},
	{Func: "html/template.", Activity: breakdown.Rendering},
	{Func: "html.", Activity: breakdown.Rendering},
	{Func: "github.com/a-h/templ.", Activity: breakdown.Rendering},
	{Func: "github.com/flosch/pongo2/", Activity: breakdown.Rendering},
	{Func: "github.com/yuin/goldmark.", Activity: breakdown.Rendering},
	{Func: "github.com/yuin/goldmark/", Activity: breakdown.Rendering},
	{Func: "github.com/russross/blackfriday/", Activity: breakdown.Rendering},
	{Func: "github.com/gomarkdown/markdown/", Activity: breakdown.Rendering},
	{Func: "sort.", Activity: breakdown.Sorting},
	{Func: "slices.Sort", Activity: breakdown.Sorting},
	{Func: "slices.SortFunc", Activity: breakdown.Sorting},
	{Func: "slices.SortStableFunc", Activity: breakdown.Sorting},
	{Func: "slices.Sorted", Activity: breakdown.Sorting},
	{Func: "slices.SortedFunc", Activity: breakdown.Sorting},
	{Func: "slices.pdqsortOrdered", Activity: breakdown.Sorting},
	{Func: "slices.pdqsortCmpFunc", Activity: breakdown.Sorting},
	{Func: "reflect.", Activity: breakdown.Reflecting},
	{Func: "fmt.", Activity: breakdown.Formatting},
	{Func: "strconv.", Activity: breakdown.Formatting},
	{Func: "text/tabwriter.", Activity: breakdown.Formatting},
	{Func: "golang.org/x/text/", Activity: breakdown.Formatting},
	{Func: "image.", Activity: breakdown.Imaging},
	{Func: "image/", Activity: breakdown.Imaging},
	{Func: "golang.org/x/image/", Activity: breakdown.Imaging},
	{Func: "github.com/disintegration/imaging.", Activity: breakdown.Imaging},
	{Func: "github.com/nfnt/resize.", Activity: breakdown.Imaging},
	{Func: "github.com/anthonynsimon/bild/", Activity: breakdown.Imaging},
	{Func: "github.com/fogleman/gg.", Activity: breakdown.Imaging},

	{Func: "runtime.mallocgc", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.newobject", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.newarray", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.makeslice", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.makeslicecopy", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.growslice", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.makemap", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.makemap_small", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.rawstring", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.rawbyteslice", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.memclrNoHeapPointers", Activity: breakdown.Allocating, Last: true},
	{Func: "runtime.memmove", Activity: breakdown.Copying, Last: true},
	{Func: "runtime.typedmemmove", Activity: breakdown.Copying, Last: true},
	{Func: "io.Copy", Activity: breakdown.Copying, Last: true},
	{Func: "io.ReadAll", Activity: breakdown.Copying, Last: true},
}

// collectors are the functions of the garbage collector, by its parts. The outermost one
// on a stack decides: marking that an allocation has to help with is an assist.
var collectors = map[string]breakdown.Collecting{
	"runtime.gcBgMarkWorker":           breakdown.Marking,
	"runtime.gcDrain":                  breakdown.Marking,
	"runtime.gcMarkDone":               breakdown.Marking,
	"runtime.gcMarkTermination":        breakdown.Marking,
	"runtime.gcStart":                  breakdown.Marking,
	"runtime.gcMarkTinyAllocs":         breakdown.Marking,
	"runtime.wbBufFlush":               breakdown.Marking,
	"runtime.wbBufFlush1":              breakdown.Marking,
	"runtime.gcAssistAlloc":            breakdown.Assisting,
	"runtime.deductAssistCredit":       breakdown.Assisting,
	"runtime.gcParkAssist":             breakdown.Assisting,
	"runtime.bgsweep":                  breakdown.Sweeping,
	"runtime.sweepone":                 breakdown.Sweeping,
	"runtime.deductSweepCredit":        breakdown.Sweeping,
	"runtime.(*sweepLocked).sweep":     breakdown.Sweeping,
	"runtime.(*mspan).ensureSwept":     breakdown.Sweeping,
	"runtime.(*mheap).reclaim":         breakdown.Sweeping,
	"runtime.bgscavenge":               breakdown.Scavenging,
	"runtime.(*pageAlloc).scavenge":    breakdown.Scavenging,
	"runtime.(*pageAlloc).scavengeOne": breakdown.Scavenging,
	"runtime.(*scavengerState).wake":   breakdown.Scavenging,
	"runtime/debug.FreeOSMemory":       breakdown.Scavenging,
	"runtime.GC":                       breakdown.Marking,
}

// logs is the row of all loggers.
var logs = doing{Activity: breakdown.Logging}

// doingOf returns the row that matches a function, nil if there is none.
func doingOf(name string) *doing {
	if isLogger(packageOf(name)) {
		return &logs
	}
	for i := range doings {
		if d := &doings[i]; d.Func == name || isPrefix(d.Func) && len(name) > len(d.Func) && name[:len(d.Func)] == d.Func {
			return d
		}
	}
	return nil
}

// findActivity finds what code with the class's stack computes, and which function the
// frame at index site, the service's nearest to the leaf, called for that.
func findActivity(c *Class, funcs []*function, site int) {
	var best, last *doing
	for i := site - 1; i >= 0; i-- {
		switch d := funcs[i].doing; {
		case d == nil:
		case d.Last:
			if last == nil {
				last = d
			}
		case best == nil || d.Within && !best.Within && best.Activity != breakdown.Hashing:
			best = d
		}
	}
	if best == nil {
		best = last
	}
	if best != nil {
		c.Activity = best.Activity
	}
	if c.InService && site > 0 && (best != nil || !ofRuntime(c.Stack[site-1].Function) || Polls(c.Stack[site-1].Function)) {
		c.Called = c.Stack[site-1].Function
	}
	if i := outermost(funcs, func(f *function) bool { return f.collecting != breakdown.NotCollecting }); i >= 0 {
		c.Collecting = funcs[i].collecting
	}
}

// ofRuntime reports whether a function is the runtime's, which the compiler calls and the
// service's source does not.
func ofRuntime(function string) bool {
	pkg := packageOf(function)
	return pkg == "runtime" || strings.HasPrefix(pkg, "internal/runtime/") || !strings.Contains(function, ".")
}

// WorksAlone reports whether a goroutine that serves no request, and has this stack,
// follows a purpose of its own: not if it is a client's or a server's own goroutine, which
// works for requests.
func WorksAlone(c *Class) bool {
	if c.InService {
		return true
	}
	pkg := packageOf(c.Root())
	if pkg == "" || ofStandard(pkg) || ruled[pkg] {
		return false
	}
	return !slices.ContainsFunc(ruledBelow, func(under string) bool { return strings.HasPrefix(pkg, under) })
}

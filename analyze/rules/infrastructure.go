package rules

import (
	"slices"
	"strings"
)

// infrastructure are the modules and packages of which a service is made: servers,
// routers, middleware, clients. Handlers in them are not a reason to take them for the
// service. Each entry covers all packages below it.
var infrastructure = []string{
	"golang.org/x/crypto",
	"golang.org/x/exp",
	"golang.org/x/net",
	"golang.org/x/oauth2",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/text",
	"golang.org/x/time",
	"google.golang.org",
	"gopkg.in",

	// Servers, routers and frameworks.
	"github.com/beego",
	"github.com/bmizerany/pat",
	"github.com/cloudwego",
	"github.com/dimfeld/httptreemux",
	"github.com/emicklei/go-restful",
	"github.com/gin-contrib",
	"github.com/gin-gonic",
	"github.com/go-chi",
	"github.com/go-kit",
	"github.com/go-kratos",
	"github.com/go-martini",
	"github.com/go-openapi",
	"github.com/go-zoo/bone",
	"github.com/gobuffalo",
	"github.com/gocraft/web",
	"github.com/gofiber",
	"github.com/gorilla",
	"github.com/grpc-ecosystem",
	"github.com/improbable-eng/grpc-web",
	"github.com/julienschmidt/httprouter",
	"github.com/kataras",
	"github.com/labstack",
	"github.com/lucas-clemente/quic-go",
	"github.com/micro",
	"github.com/oapi-codegen",
	"github.com/prometheus/common/route",
	"github.com/quic-go",
	"github.com/soheilhy/cmux",
	"github.com/twitchtv/twirp",
	"github.com/valyala",
	"github.com/zeromicro",
	"goji.io",
	"connectrpc.com",
	"storj.io/drpc",

	// Middleware, metrics and tracing.
	"github.com/andybalholm",
	"github.com/armon/go-metrics",
	"github.com/census-instrumentation",
	"github.com/coreos/go-oidc",
	"github.com/DataDog",
	"github.com/didip/tollbooth",
	"github.com/felixge",
	"github.com/getsentry",
	"github.com/hashicorp/go-metrics",
	"github.com/justinas",
	"github.com/klauspost",
	"github.com/newrelic",
	"github.com/NYTimes/gziphandler",
	"github.com/openzipkin",
	"github.com/opentracing-contrib",
	"github.com/prometheus/client_golang",
	"github.com/rs",
	"github.com/sirupsen",
	"github.com/throttled/throttled",
	"github.com/uber-go",
	"github.com/ulule/limiter",
	"github.com/unrolled",
	"github.com/urfave",
	"github.com/VictoriaMetrics/metrics",
	"go.elastic.co",
	"go.opencensus.io",
	"go.opentelemetry.io",
	"go.uber.org",

	// Queries and sockets that libraries answer.
	"github.com/99designs/gqlgen",
	"github.com/coder/websocket",
	"github.com/graph-gophers",
	"github.com/graphql-go",
	"nhooyr.io/websocket",
}

// isInfrastructure reports whether a package is in infrastructure, or one that the rules
// know.
func isInfrastructure(pkg string) bool {
	if ruled[pkg] || slices.ContainsFunc(ruledBelow, func(under string) bool { return strings.HasPrefix(pkg, under) }) {
		return true
	}
	for _, under := range infrastructure {
		if rest, ok := strings.CutPrefix(pkg, under); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// ruled are the packages that rules and tables of servers name functions in.
var ruled = func() map[string]bool {
	of := map[string]bool{}
	for _, r := range table {
		of[packageOf(strings.TrimSuffix(strings.TrimSuffix(r.Func, "/"), "."))] = true
	}
	for _, l := range loops {
		of[packageOf(l.Func)] = true
	}
	for f := range dispatchers {
		of[packageOf(f)] = true
	}
	return of
}()

// ruledBelow are the paths below which rules know all packages, with their slash.
var ruledBelow = func() (paths []string) {
	for _, r := range table {
		if strings.HasSuffix(r.Func, "/") {
			paths = append(paths, r.Func)
		}
	}
	return paths
}()

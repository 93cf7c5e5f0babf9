package rules

import (
	"strings"
	"testing"

	"timesink/analyze/breakdown"
)

func TestOwnRulesAreReadAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct {
		text string
		want Rule
	}{
		{"db=github.com/acme/driver", Rule{Func: "github.com/acme/driver", Bucket: breakdown.DB, Phase: breakdown.Query, Default: true, System: "driver"}},
		{"db/rows:duck=github.com/acme/duckdb/v2.(*Rows)", Rule{Func: "github.com/acme/duckdb/v2.(*Rows)", Bucket: breakdown.DB, Phase: breakdown.Rows, System: "duck"}},
		{"cache=github.com/acme/store/v3", Rule{Func: "github.com/acme/store/v3", Bucket: breakdown.Cache, Phase: breakdown.Command, Default: true, System: "store"}},
		{"queue/fetch=github.com/acme/mq.", Rule{Func: "github.com/acme/mq.", Bucket: breakdown.Queue, Phase: breakdown.Fetch, System: "mq"}},
		{" lock = main.(*Gate).Enter ", Rule{Func: "main.(*Gate).Enter", Bucket: breakdown.Lock}},
	} {
		got, err := Parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("Parse(%q) is %+v, %v, not %+v", c.text, got, err, c.want)
			continue
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which is read as %+v, %v", c.text, got, again, err)
		}
	}
}

func TestOwnRulesThatMakeNoSenseAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"github.com/acme/driver":   "not of the form",
		"db=":                      "not of the form",
		"db=a b":                   "no blanks",
		"cpu=main.work":            "one of db, cache",
		"database=main.work":       "one of db, cache",
		"queue=github.com/acme/mq": "which phase: the phases of queue are produce",
		"db/fetch=main.work":       "the phases of db are pool_wait",
		"sleep/query=main.work":    "sleep has no phases",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) fails with %v, not with %q", text, err, want)
		}
	}
}

func TestAFileOfRulesNamesTheLinesThatAreWrong(t *testing.T) {
	own, err := ReadFrom(strings.NewReader("# ours\n\ndb=github.com/acme/driver\n  sleep=main.backOff\n"))
	if err != nil || len(own) != 2 || own[1].Bucket != breakdown.Sleep {
		t.Errorf("read %+v, %v", own, err)
	}
	_, err = ReadFrom(strings.NewReader("db=x\nnonsense\n\nqueue=x\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), "line 4: ") {
		t.Errorf("failed with %v", err)
	}
}

func TestOwnRulesGoBeforeTheTable(t *testing.T) {
	const (
		below  = " < main.(*API).Get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
		driver = netRead + " < github.com/acme/driver/wire.read < github.com/acme/driver.(*Conn).Query.func1" + below
		own    = netRead + " < main.(*Payments).call" + below
		dotted = netRead + " < gopkg.in/beanstalk%2ev1.(*Conn).Reserve" + below
		redis  = netRead + " < github.com/acme/driverless.Read" + below
		held   = "sync.(*Mutex).Lock < github.com/acme/driver.(*Conn).lock" + below
	)
	for _, c := range []struct {
		name, rule, of string
		bucket         breakdown.Bucket
		system, site   string
	}{
		{"a package stands for what is below it", "db=github.com/acme/driver", driver, breakdown.DB, "driver", "main.(*API).Get"},
		{"a name that only begins alike is another", "db=github.com/acme/driver", redis, breakdown.Unknown, "", "main.(*API).Get"},
		{"a dot is not escaped", "queue/fetch=gopkg.in/beanstalk.v1", dotted, breakdown.Queue, "beanstalk", "main.(*API).Get"},
		{"or is, as traces do", "queue/fetch=gopkg.in/beanstalk%2ev1.(*Conn)", dotted, breakdown.Queue, "beanstalk.v1", "main.(*API).Get"},
		{"a lock in a library is the library's", "db=github.com/acme/driver", held, breakdown.DB, "driver", "main.(*API).Get"},
		{"a function of the service becomes a client", "upstream:payments=main.(*Payments)", own, breakdown.Upstream, "payments", "main.(*API).Get"},
		{"and may be renamed from what the table says", "lock=sync.(*Mutex).Lock", held, breakdown.Lock, "", "main.(*API).Get"},
	} {
		r, err := Parse(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		class := New(r).Classify(stack(c.of))
		bucket, system := breakdown.Unknown, class.System
		if class.Own != nil {
			bucket = class.Own.Bucket
		}
		if bucket != c.bucket || system != c.system || class.Site.Function != c.site {
			t.Errorf("%s: %s %q at %s, not %s %q at %s", c.name, bucket, system, class.Site.Function, c.bucket, c.system, c.site)
		}
	}
}

func TestWhatNoRuleKnowsIsNamedByItsLibrary(t *testing.T) {
	const below = " < main.(*API).Get < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	for of, want := range map[string]string{
		netRead + " < bufio.(*Reader).fill < github.com/acme/driver/wire.read < github.com/acme/driver.(*Conn).Query" + below: "github.com/acme/driver",
		netRead + " < main.(*Payments).call" + below:                                          "",
		"sync.(*WaitGroup).Wait < golang.org/x/sync/errgroup.(*Group).Wait" + below:           "",
		netRead + " < github.com/acme/driver/wire.read < github.com/acme/driver.(*Conn).loop": "github.com/acme/driver",
	} {
		if got := New().Classify(stack(of)).Library; got != want {
			t.Errorf("%s: the library is %q, not %q", of, got, want)
		}
	}
}

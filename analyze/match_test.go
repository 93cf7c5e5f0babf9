package analyze

import (
	"math/rand/v2"
	"testing"

	"timesink/analyze/breakdown"
)

// Endpoints match even if the two builds used different versions of Go.
func TestEndpointsAreMatchedAcrossVersionsOfGo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	before, after := &breakdown.Breakdown{}, &breakdown.Breakdown{}
	was := map[string]string{}
	for of26, of27 := range map[string]string{
		"main.main.func2":                      "main.main.func2",
		"main.main.list.func5":                 "main.list.func1",
		"main.main.(*API).byName.func6":        "main.(*API).byName.func1",
		"main.main.Timeout.func7.1":            "github.com/go-chi/chi/v5/middleware.Timeout.func1.1",
		"main.routes.func1":                    "main.routes-range1.1",
		"main.(*API).Get":                      "main.(*API).Get",
		"shop/api.Routes.Routes.func1.func4":   "shop/api.Routes.func1.func1",
		"net/http.(*http2serverConn).upgraded": "net/http/internal/http2.(*serverConn).upgraded",
	} {
		before.Endpoints = append(before.Endpoints, invented(r, of26, "", 0))
		after.Endpoints = append(after.Endpoints, invented(r, of27, "", 0))
		if was[of27] = of26; of26 == of27 {
			was[of27] = ""
		}
	}
	for _, e := range compared(t, before, after).Endpoints {
		if e.Status != "both" || e.Was != was[e.Name] {
			t.Errorf("%s is %s, was %q", e.Name, e.Status, e.Was)
		}
	}
}

// sited returns an endpoint with one request, whose upstream time is at these sites.
func sited(sites ...breakdown.SiteTime) breakdown.Endpoint {
	f := newFold(0)
	f.keepSeries = true
	e := f.endpoint(endpointKey{name: "main.get", kind: "http/1"})
	req := breakdown.Request{Start: 1000, End: 1000, Goroutine: 1}
	for _, s := range sites {
		end := req.End + s.Total
		req.Path = append(req.Path, breakdown.Segment{Start: req.End, End: end, Goroutine: 1, Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait,
			Cause: &breakdown.Cause{System: "http", Site: s.Frame}})
		req.End = end
	}
	f.addTo(e, &req)
	return renderEndpoint(e, defaultPeriod, nil)
}

func TestSitesAreMatched(t *testing.T) {
	site := func(function, file string, line int, total int64) breakdown.SiteTime {
		return breakdown.SiteTime{Frame: breakdown.Frame{Function: function, File: file, Line: line}, Total: total}
	}
	for _, c := range []struct {
		name          string
		before, after []breakdown.SiteTime
		want          map[string]int64
	}{
		{"a line moves", []breakdown.SiteTime{site("main.get", "/a/main.go", 10, 500)}, []breakdown.SiteTime{site("main.get", "/a/main.go", 12, 600)},
			map[string]int64{"main.get": 100}},
		{"two lines of a function", []breakdown.SiteTime{site("main.get", "/a/main.go", 10, 500), site("main.get", "/a/main.go", 20, 50)}, []breakdown.SiteTime{site("main.get", "/a/main.go", 10, 600)},
			map[string]int64{"main.get": 50}},
		{"another folder", []breakdown.SiteTime{site("main.get", "/a/main.go", 10, 500)}, []breakdown.SiteTime{site("main.get", "/b/main.go", 10, 700)},
			map[string]int64{"main.get": 200}},
		{"a closure of another version of Go", []breakdown.SiteTime{site("main.main.ask.func3", "/a/main.go", 10, 500), site("main.main.func1", "/a/main.go", 30, 100)},
			[]breakdown.SiteTime{site("main.ask.func1", "/a/main.go", 10, 650), site("main.main.func1", "/a/main.go", 30, 100)},
			map[string]int64{"main.ask.func1": 150, "main.main.func1": 0}},
		{"the standard library of another version of Go", []breakdown.SiteTime{site("net/http.(*http2ClientConn).readLoop", "/go1.26/src/net/http/h2_bundle.go", 10, 500)},
			[]breakdown.SiteTime{site("net/http/internal/http2.(*ClientConn).readLoop", "/go1.27/src/net/http/internal/http2/transport.go", 10, 400)},
			map[string]int64{"net/http/internal/http2.(*ClientConn).readLoop": -100}},
		{"two closures that may each be the earlier one", []breakdown.SiteTime{site("main.main.func3", "/a/main.go", 10, 500)},
			[]breakdown.SiteTime{site("main.main.func1", "/a/main.go", 10, 200), site("main.main.func2", "/a/main.go", 20, 400)},
			map[string]int64{"main.main.func1": 200, "main.main.func2": 400, "main.main.func3": -500}},
		{"a closure in another file", []breakdown.SiteTime{site("main.run.ask.func3", "/a/main.go", 10, 500)}, []breakdown.SiteTime{site("main.ask.func1", "/a/ask.go", 10, 500)},
			map[string]int64{"main.run.ask.func3": -500, "main.ask.func1": 500}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := compared(t, ofEndpoints(sited(c.before...)), ofEndpoints(sited(c.after...))).Endpoints[0]
			got := changed.Buckets[breakdown.Upstream].Sites
			if len(got) != len(c.want) {
				t.Errorf("the sites are %+v", got)
			}
			for _, s := range got {
				if want, ok := c.want[s.Function]; !ok || s.Delta != want {
					t.Errorf("%s changed by %d, not %d", s.Function, s.Delta, want)
				}
			}
		})
	}
}

package rules

import "testing"

func TestNamesOfOneFunctionAreAlike(t *testing.T) {
	for _, pair := range [][2]string{
		// The names of one function in Go 1.26 and Go 1.27, inlined or not.
		{"main.inlinedMaker.mk.func1", "main.mk.func1"},
		{"main.closureWithInline.func1.mk.1", "main.mk.1"},
		{"main.main.T.Value.func4", "main.T.Value.func1"},
		{"main.inlinedMethodMaker.(*T).makerMethod.func1", "main.(*T).makerMethod.func1"},
		{"main.direct.direct.func1.func2", "main.direct.func1.func1"},
		{"main.twiceInlined.wrap.func3", "main.wrap.func1"},
		{"main.inlinedNested.nestedMaker.func1.1", "main.nestedMaker.func1.1"},
		{"main.init.init.func2.func6", "main.init.func2.func1"},
		{"main.init.mk.func7", "main.mk.func1"},
		{"main.onceFunc.onceFunc.OnceFunc.func2.func3", "sync.OnceFunc.func1.func1"},
		{"main.onceValue.onceValue.OnceValue[...].func2.func3", "sync.OnceValue[...].func1.func1"},
		{"main.rangeFunc.seq.func1", "main.seq.func1"},
		{"main.rangeFuncClosure.func1", "main.rangeFuncClosure-range1.1"},
		{"main.rangeFuncClosure.rangeFuncClosure.seq.func2.rangeFuncClosure-range1.func3", "main.rangeFuncClosure-range1.func1"},
		{"main.rangeNested.rangeNested.seq.func1.rangeNested-range1-range3", "main.rangeNested-range1-range1"},
		{"main.rangeNested-range2", "main.rangeNested-range1-range1"},
		{"main.rangeDefer.func1", "main.rangeDefer-range1.1"},
		{"google.golang.org/grpc.(*Server).register.(*Server).wrapUnaryHandler.func1", "google.golang.org/grpc.(*Server).wrapUnaryHandler.func1"},
		{"shop/api.New.Handler.func1", "shop/web.Handler.func1"},

		// The places of HTTP/2.
		{"net/http.(*http2serverConn).runHandler", "net/http/internal/http2.(*serverConn).runHandler"},
		{"net/http.http2transportResponseBody.Read", "golang.org/x/net/http2.transportResponseBody.Read"},
		{"net/http.(*http2clientStream).doRequest.func1", "net/http/internal/http2.(*clientStream).doRequest.func2"},

		// Another closure before it.
		{"main.main.func2", "main.main.func3"},
		{"main.(*Pool[...]).Get-fm", "main.(*Pool[...]).Get"},
		{"main.main", "main.main"},
	} {
		if !Alike(pair[0], pair[1]) || !Alike(pair[1], pair[0]) {
			t.Errorf("%s and %s are not alike", pair[0], pair[1])
		}
	}
}

func TestNamesOfTwoFunctionsAreNotAlike(t *testing.T) {
	for _, pair := range [][2]string{
		{"main.a.func1", "main.b.func1"},
		{"main.a.mk.func1", "main.a.wrap.func1"},
		{"main.a.mk.func1", "main.b.mk.func1"}, // inlined into another function: it may be another's
		{"main.(*A).Get.func1", "main.(*B).Get.func1"},
		{"shop/a.Get.func1", "shop/b.Get.func1"},
		{"shop/a.Get", "shop/b.Get"},
		{"main.(*API).Get", "main.Get"},
		{"main.API.Get", "main.Get"},       // a method, and a function
		{"main.API.Get.func1", "main.Get"}, // a closure, and what has a name
		{"net/http.(*Transport).RoundTrip", "net/http/internal/http2.(*Transport).RoundTrip"},
		{"main.func1", "main.func2"},
		{"", "main.main"},
		{"main.main", "main"},
	} {
		if Alike(pair[0], pair[1]) || Alike(pair[1], pair[0]) {
			t.Errorf("%s and %s are alike", pair[0], pair[1])
		}
	}
}

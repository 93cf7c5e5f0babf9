package vin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"timesink/cmd/internal/meter"
)

// Route and Endpoint are the names under which the service's requests appear: the
// pattern of the mux, and the handler's function.
const Route = "GET /v1/vin/{vin}"

var Endpoint = reflect.TypeFor[API]().PkgPath() + ".(*API).Decode"

// An API answers the service's HTTP requests.
type API struct {
	store      *Store
	client     *http.Client
	upstreams  string // base URL
	concurrent bool
	rounds     int // of the signature
	recorder   *recorder
}

// An Answer is the body of a decoded VIN.
type Answer struct {
	Vehicle
	Recalls   json.RawMessage `json:"recalls"`
	Specs     json.RawMessage `json:"specs"`
	Market    json.RawMessage `json:"market"`
	History   json.RawMessage `json:"history"`
	Signature string          `json:"signature"`
}

// A Failure is the body of any other answer.
type Failure struct {
	Error string `json:"error"`
}

func newAPI(c Config, store *Store, recorder *recorder) *API {
	return &API{
		store:      store,
		client:     newClient(c),
		upstreams:  strings.TrimSuffix(c.Upstreams, "/"),
		concurrent: c.Calls == Concurrent,
		rounds:     calibrate(c.CPU),
		recorder:   recorder,
	}
}

func newClient(c Config) *http.Client {
	t := &http.Transport{
		DisableKeepAlives:   !c.KeepAlive,
		MaxIdleConnsPerHost: 1024, // the default of two would dial anew under load
		MaxConnsPerHost:     c.UpstreamConns,
	}
	if c.UpstreamInsecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	return &http.Client{Transport: t, Timeout: c.Timeout}
}

func (a *API) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc(Route, a.Decode)
	mux.HandleFunc("GET /healthz", a.Health)
	return mux
}

// Health answers 200 and does nothing else.
func (a *API) Health(w http.ResponseWriter, r *http.Request) {}

// Decode answers what is known of a VIN.
func (a *API) Decode(w http.ResponseWriter, r *http.Request) {
	watch := a.recorder.start()
	defer a.recorder.finish(watch)

	watch.vin, watch.goroutine = strings.ToUpper(r.PathValue("vin")), meter.Goroutine()
	answer, err := a.decode(r.Context(), watch)
	watch.status = statusOf(err)
	if err != nil {
		a.answer(w, watch, Failure{err.Error()})
		return
	}
	a.answer(w, watch, answer)
}

func (a *API) decode(ctx context.Context, watch *stopwatch) (*Answer, error) {
	if err := Validate(watch.vin); err != nil {
		return nil, err
	}
	vehicle, err := a.store.Vehicle(ctx, watch.vin, watch)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Vehicle: vehicle}
	if err := a.ask(ctx, answer, watch); err != nil {
		return nil, err
	}
	signed := watch.begin(stepCPU)
	answer.Signature = signature(watch.vin, a.rounds)
	signed()
	return answer, nil
}

// ask fills in what the upstreams know.
func (a *API) ask(ctx context.Context, answer *Answer, watch *stopwatch) error {
	defer watch.begin(stepUpstreams)()
	calls := []struct {
		step step
		name string
		into *json.RawMessage
	}{
		{stepRecalls, Recalls, &answer.Recalls},
		{stepSpecs, Specs, &answer.Specs},
		{stepMarket, Market, &answer.Market},
		{stepHistory, History, &answer.History},
	}
	errs := make([]error, len(calls))
	call := func(i int) {
		defer watch.begin(calls[i].step)()
		*calls[i].into, errs[i] = a.fetch(ctx, calls[i].name, watch.vin)
	}
	if !a.concurrent {
		for i := range calls {
			if call(i); errs[i] != nil {
				return errs[i]
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { call(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// errUpstream is what every failure of an upstream wraps.
var errUpstream = errors.New("upstream failed")

// fetch asks one upstream for what it knows of a VIN.
func (a *API) fetch(ctx context.Context, name, number string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.upstreams+"/"+name+"/"+number, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUpstream, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUpstream, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the answer of %s: %w", errUpstream, name, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %s: %.100s", errUpstream, name, response.Status, body)
	}
	return body, nil
}

func (a *API) answer(w http.ResponseWriter, watch *stopwatch, answer any) {
	encoded := watch.begin(stepEncode)
	body, err := json.Marshal(answer)
	encoded()
	if err != nil { // an upstream's body is no JSON
		watch.status = http.StatusBadGateway
		body = []byte(`{"error":"an upstream answers what is not JSON"}`)
	}
	defer watch.begin(stepWrite)()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(watch.status)
	w.Write(append(body, '\n')) // if the client has gone there is nobody to tell
}

func statusOf(err error) int {
	switch timeout := interface{ Timeout() bool }(nil); {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, errUpstream) && errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout
	case errors.Is(err, errUpstream):
		return http.StatusBadGateway
	default:
		return http.StatusServiceUnavailable
	}
}

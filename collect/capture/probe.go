package capture

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"timesink/collect/bounded"
)

// The phases of the collection in which a probe is sent.
const (
	Baseline = "baseline" // before the window, while the service is unobserved
	InWindow = "window"   // during the window, while the service is traced
)

// DefaultProbes is the memory that Probes uses at most, in bytes: enough for 100,000
// probes.
const DefaultProbes = 64_000_000

// MaxProbes is how much is read of the lines of probes, and how much a collection
// writes, in bytes: enough for 500,000 probes.
const MaxProbes = 256 << 20

// maxLine is how long a line of a probe may be, in bytes.
const maxLine = 1 << 20

// A Probe is one request that timesink sent, as seen by the client.
//
// Scheduled, Start and End are Unix nanoseconds. All times of one capture derive from
// one reading of the wall clock plus the monotonic clock, so a step of the wall clock
// does not affect their differences. The other times are durations in nanoseconds of
// consecutive phases without overlap:
//
//	ConnWait + DNS + Connect + TLS + RequestWrite + FirstByte + BodyRead = End - Start
//
// A phase that a probe did not reach is zero. The phase in which it failed lasts until
// the failure.
type Probe struct {
	Route  string `json:"route"`  // method and URL pattern: "GET /v1/vin/{vin}"
	Method string `json:"method"` // "GET"
	Path   string `json:"path"`   // the URL's path; its query is not stored
	Host   string `json:"host"`   // scheme and host: "http://localhost:8080"
	Phase  string `json:"phase"`  // Baseline or InWindow

	Scheduled int64 `json:"scheduled_ns"` // when it was due
	Start     int64 `json:"start_ns"`     // when it was handed to the HTTP client
	End       int64 `json:"end_ns"`       // when the last byte of the body was read, or it failed

	ConnWait     int64 `json:"conn_wait_ns"`     // getting a connection, without the next three
	DNS          int64 `json:"dns_ns"`           // name look-up
	Connect      int64 `json:"connect_ns"`       // TCP handshake
	TLS          int64 `json:"tls_ns"`           // TLS handshake
	RequestWrite int64 `json:"request_write_ns"` // from having the connection to the request's last byte
	FirstByte    int64 `json:"first_byte_ns"`    // wait for the server: from there to the answer's first byte
	BodyRead     int64 `json:"body_read_ns"`     // from there to the end

	// Conn is the number of the connection within the capture, from 1, or 0 if the
	// probe got none. ConnSeq is the number of the probe on the connection, from 1:
	// HTTP/1 serves probes in this order.
	Conn    int    `json:"conn"`
	ConnSeq int    `json:"conn_seq"`
	Reused  bool   `json:"reused"`          // not the first probe on its connection
	Fresh   bool   `json:"fresh,omitempty"` // sent on a connection dialed for it alone
	Local   string `json:"local,omitempty"` // address and port of the client's end
	Remote  string `json:"remote,omitempty"`
	Proto   string `json:"proto,omitempty"` // "HTTP/1.1", "HTTP/2.0"

	Status int   `json:"status"` // 0 if there was no answer
	Bytes  int64 `json:"bytes"`  // of the answer's body, as far as it was read
	// Cut is set if the body was longer than the collection reads. End is then when
	// that much of it was read.
	Cut   bool   `json:"cut,omitempty"`
	Error string `json:"error,omitempty"`

	// ServerTiming are the metrics of the answer's Server-Timing headers, in their order.
	ServerTiming []ServerTiming `json:"server_timing,omitempty"`
}

// ServerTiming is one metric of a Server-Timing header: what the service, or a proxy
// before it, says of its own time for an answer.
type ServerTiming struct {
	Name string `json:"name"`
	// Duration is in nanoseconds, 0 if the metric states none.
	Duration    int64  `json:"dur_ns"`
	Description string `json:"desc,omitempty"`
}

// The bounds of what a probe keeps of Server-Timing headers.
const (
	MaxServerTimings = 64 // metrics
	// MaxServerTiming is the longest duration of a metric.
	MaxServerTiming = int64(24 * time.Hour)
)

// Sent returns when the connection was established and the client began to write the
// request, in Unix nanoseconds. The server cannot have seen the request earlier.
func (p *Probe) Sent() int64 { return p.Start + p.ConnWait + p.DNS + p.Connect + p.TLS }

// WriteProbes writes probes as JSON lines.
func WriteProbes(w io.Writer, probes ...Probe) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range probes {
		if err := enc.Encode(&probes[i]); err != nil {
			return fmt.Errorf("write probes: %w", err)
		}
	}
	return nil
}

// ReadProbes reads the JSON lines of WriteProbes, as many as fit into DefaultProbes
// bytes of memory. It ignores an incomplete last line, as a killed collection leaves
// it. On an error it also returns the probes read before.
func ReadProbes(r io.Reader) (probes []Probe, err error) {
	room := newProbeRoom(DefaultProbes)
	_, err = eachProbe(r, func(p *Probe) bool {
		if room.take(p) {
			probes = append(probes, *p)
			return true
		}
		return false
	})
	return probes, err
}

var errManyProbes = fmt.Errorf("their lines take more than %d bytes", MaxProbes)

// eachProbe calls each with the probes of JSON lines until it returns false, and
// returns how many of them it could read.
func eachProbe(r io.Reader, each func(*Probe) bool) (n int, err error) {
	limited := &io.LimitedReader{R: r, N: MaxProbes + 1}
	lines := bounded.NewLines(limited, maxLine)
	for ; ; n++ {
		line, err := lines.Next()
		if err == io.EOF && limited.N == 0 {
			return n, errManyProbes
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("read probes: line %d: %w", n+1, err)
		}
		var p Probe
		if err := json.Unmarshal(line, &p); err != nil {
			return n, fmt.Errorf("read probes: line %d: %w", n+1, err)
		}
		if !each(&p) {
			return n + 1, nil
		}
	}
}

// A probeRoom is the memory for a list of probes.
type probeRoom struct {
	left  int64 // bytes
	texts map[string]string
}

// The memory of a probe in a slice that grows, and of a distinct text, in bytes.
const (
	probeSize  = 640
	textSize   = 64
	timingSize = 40
)

func newProbeRoom(memory int64) *probeRoom { return &probeRoom{memory, map[string]string{}} }

// take takes room for a probe and reports whether there was enough. Probes share
// equal texts.
func (r *probeRoom) take(p *Probe) bool {
	r.left -= probeSize + timingSize*int64(cap(p.ServerTiming))
	texts := []*string{&p.Route, &p.Method, &p.Path, &p.Host, &p.Phase, &p.Local, &p.Remote, &p.Proto, &p.Error}
	for i := range p.ServerTiming {
		texts = append(texts, &p.ServerTiming[i].Name, &p.ServerTiming[i].Description)
	}
	for _, text := range texts {
		known, ok := r.texts[*text]
		if !ok {
			known = *text
			r.texts[known] = known
			r.left -= textSize + int64(len(known))
		}
		*text = known
	}
	return r.left >= 0
}

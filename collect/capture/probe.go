package capture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The phases of the collection in which a probe is sent.
const (
	Baseline = "baseline" // before the window, while the service is unobserved
	InWindow = "window"   // during the window, while the service is traced
)

// Limits on what is read from an untrusted capture.
const (
	maxLine   = 1 << 20   // bytes of one line of probes.jsonl
	maxProbes = 256 << 20 // bytes of probes.jsonl
)

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

	Status int    `json:"status"` // 0 if there was no answer
	Bytes  int64  `json:"bytes"`  // of the answer's body
	Error  string `json:"error,omitempty"`
}

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

// ReadProbes reads the JSON lines of WriteProbes. It ignores an incomplete last line,
// as a killed collection leaves it. On an error it also returns the probes read before.
func ReadProbes(r io.Reader) ([]Probe, error) {
	var probes []Probe
	br := bufio.NewReader(io.LimitReader(r, maxProbes))
	for n := 1; ; n++ {
		line, err := readLine(br)
		if err == io.EOF {
			return probes, nil
		}
		if err != nil {
			return probes, fmt.Errorf("read probes: line %d: %w", n, err)
		}
		var p Probe
		if err := json.Unmarshal(line, &p); err != nil {
			return probes, fmt.Errorf("read probes: line %d: %w", n, err)
		}
		probes = append(probes, p)
	}
}

var errLongLine = errors.New("line too long")

// readLine returns the next complete line, or io.EOF after the last one.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := br.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case err == nil:
			return line, nil
		case len(line) > maxLine:
			return nil, errLongLine
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

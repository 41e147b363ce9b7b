package caddymodule

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2conn is a client's side of an HTTP/2 connection that sends what it is told,
// right or wrong. It reads only in its methods, so it needs no locks.
type h2conn struct {
	net.Conn
	framer  *http2.Framer
	block   bytes.Buffer // what the encoder has written
	encoder *hpack.Encoder
	next    uint32 // the id of the next stream
	answers map[uint32]*h2answer
	broken  string                     // why the server gave up the connection
	server  map[http2.SettingID]uint32 // the server's settings
}

// h2answer is what came on one stream.
type h2answer struct {
	answer
	ended bool   // with END_STREAM
	reset string // RST_STREAM before its end
}

func (a *h2answer) done() bool { return a.ended || a.reset != "" }

// h2request is one request in the parts that HTTP/2 has.
type h2request struct {
	fields   [][2]string // the header block in its order, pseudo-headers included
	data     []string    // one DATA frame each
	trailers [][2]string
	split    int // the header block goes in frames of this size; 0: in one
}

// dialH2 opens a connection. With TLS the server must choose h2; without, the
// client begins with HTTP/2, as is agreed with a site of the protocol h2c.
func dialH2(addr string, encrypted bool) (*h2conn, error) {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(patience))
	c := raw
	if encrypted {
		t := tls.Client(raw, &tls.Config{NextProtos: []string{"h2"}, InsecureSkipVerify: true, ServerName: "gw.example.test"})
		if err := t.Handshake(); err != nil {
			raw.Close()
			return nil, err
		}
		if t.ConnectionState().NegotiatedProtocol != "h2" {
			raw.Close()
			return nil, errors.New("the server does not speak h2")
		}
		c = t
	}
	h := &h2conn{Conn: c, framer: http2.NewFramer(c, c), next: 1, answers: map[uint32]*h2answer{}, server: map[http2.SettingID]uint32{}}
	h.framer.AllowIllegalWrites = true
	h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.encoder = hpack.NewEncoder(&h.block)
	if _, err := c.Write([]byte(http2.ClientPreface)); err != nil {
		c.Close()
		return nil, err
	}
	return h, h.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
}

// mustDialH2 opens a connection that ends with the test.
func mustDialH2(t *testing.T, addr string, encrypted bool) *h2conn {
	t.Helper()
	h, err := dialH2(addr, encrypted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// encode returns a header block of the fields as they are.
func (h *h2conn) encode(fields [][2]string) []byte {
	h.block.Reset()
	for _, f := range fields {
		h.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return bytes.Clone(h.block.Bytes())
}

// open takes the next stream.
func (h *h2conn) open() uint32 {
	id := h.next
	h.next += 2
	h.answers[id] = new(h2answer)
	return id
}

// send sends a request on a stream of its own. Errors are left to reading: a
// server may give up before it has read all, and says why.
func (h *h2conn) send(r h2request) uint32 {
	id := h.open()
	h.sendHeaders(id, h.encode(r.fields), r.split, len(r.data) == 0 && len(r.trailers) == 0)
	for i, data := range r.data {
		h.framer.WriteData(id, i == len(r.data)-1 && len(r.trailers) == 0, []byte(data))
	}
	if len(r.trailers) > 0 {
		h.sendHeaders(id, h.encode(r.trailers), 0, true)
	}
	return id
}

// maxFrame is how long a frame may be, if the server says nothing else.
const maxFrame = 16384

// sendHeaders sends a header block in frames of at most split bytes.
func (h *h2conn) sendHeaders(id uint32, block []byte, split int, end bool) {
	if split == 0 {
		split = maxFrame
	}
	first := block[:min(split, len(block))]
	block = block[len(first):]
	h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0})
	for len(block) > 0 {
		part := block[:min(split, len(block))]
		block = block[len(part):]
		if h.framer.WriteContinuation(id, len(block) == 0, part) != nil {
			return
		}
	}
}

// wait reads until the streams are done or the connection is broken.
func (h *h2conn) wait(streams ...uint32) error {
	return h.readUntil(func() bool {
		for _, id := range streams {
			if !h.answers[id].done() {
				return false
			}
		}
		return true
	})
}

// readUntil reads until the condition holds or the connection is broken.
func (h *h2conn) readUntil(holds func() bool) error {
	for h.broken == "" && !holds() {
		f, err := h.framer.ReadFrame()
		if err != nil {
			return fmt.Errorf("reading a frame: %w", err)
		}
		h.take(f)
	}
	return nil
}

func (h *h2conn) take(f http2.Frame) {
	a := h.answers[f.Header().StreamID]
	if a == nil {
		a = new(h2answer) // of the whole connection, or of nothing that was asked
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		takeHeaders(a, f)
	case *http2.DataFrame:
		a.body += string(f.Data())
		a.ended = f.StreamEnded()
	case *http2.RSTStreamFrame:
		if !a.ended { // behind an answer it says that the rest of the body is not wanted
			a.reset = f.ErrCode.String()
		}
	case *http2.GoAwayFrame:
		if f.ErrCode != http2.ErrCodeNo {
			h.broken = f.ErrCode.String()
		}
	case *http2.SettingsFrame:
		if !f.IsAck() {
			f.ForeachSetting(func(s http2.Setting) error { h.server[s.ID] = s.Val; return nil })
			h.framer.WriteSettingsAck()
		}
	}
}

func takeHeaders(a *h2answer, f *http2.MetaHeadersFrame) {
	if a.header != nil && a.status >= 200 { // trailers
		a.ended = f.StreamEnded()
		return
	}
	a.header = http.Header{}
	fmt.Sscanf(f.PseudoValue("status"), "%d", &a.status)
	for _, field := range f.RegularFields() {
		a.header.Add(field.Name, field.Value)
	}
	a.ended = f.StreamEnded()
}

// outcome names what came on a stream as rows do: the answer, or by which error
// the server refused the stream or the whole connection.
func (h *h2conn) outcome(id uint32) (outcome string, byServer bool) {
	a := h.answers[id]
	switch {
	case a.ended:
		return classify(a.answer)
	case a.reset != "" && a.header != nil:
		return fmt.Sprintf("broken%d", a.status), false
	case a.reset != "":
		return errorOutcome("reset", a.reset), true
	case h.broken != "":
		return errorOutcome("goaway", h.broken), true
	}
	return "", false
}

// errorOutcome leaves out the code that says that the request was malformed.
func errorOutcome(what, code string) string {
	if code == http2.ErrCodeProtocol.String() {
		return what
	}
	return what + "-" + code
}

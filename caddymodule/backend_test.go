package caddymodule

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// backend is a server on a raw socket that keeps the exact bytes it gets and
// answers everything with 200.
type backend struct {
	listener net.Listener
	header   string // further lines of its answers

	mu      sync.Mutex
	got     []recorded
	partial []string // what connections held that was no whole request
	open    map[net.Conn]bool
	serving sync.WaitGroup
}

// recorded is one request as it came over the wire.
type recorded struct {
	raw  string // all of its bytes
	head string // request line and header, without the empty line
	body string // as it stood there: with chunk sizes, if it was chunked
}

// startBackend starts a backend on a loopback port. header are lines for its
// answers, each ending in CRLF.
func startBackend(t *testing.T, header string) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{listener: l, header: header, open: map[net.Conn]bool{}}
	b.serving.Go(b.accept)
	t.Cleanup(func() {
		l.Close()
		b.mu.Lock()
		for c := range b.open {
			c.Close()
		}
		b.mu.Unlock()
		b.serving.Wait()
	})
	return b
}

func (b *backend) addr() string { return b.listener.Addr().String() }

func (b *backend) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open[c] = true
		b.mu.Unlock()
		b.serving.Go(func() { b.serve(c) })
	}
}

func (b *backend) serve(c net.Conn) {
	defer func() {
		c.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.open, c)
	}()
	for {
		var raw bytes.Buffer
		r := bufio.NewReader(io.TeeReader(oneByte{c}, &raw))
		request, err := readRecorded(r)
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			if raw.Len() > 0 {
				b.partial = append(b.partial, raw.String())
			}
			return
		}
		request.raw = raw.String()
		b.mu.Lock()
		b.got = append(b.got, request)
		b.mu.Unlock()
		body := "backend"
		if strings.HasPrefix(request.head, "HEAD ") {
			body = ""
		}
		_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Backend: yes\r\n%sContent-Length: %d\r\n\r\n%s", b.header, len("backend"), body)
		if err != nil {
			return
		}
	}
}

// oneByte keeps readers from taking more than they need, so that the recorded
// bytes are those of one request.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(1, len(p))]) }

func readRecorded(r *bufio.Reader) (recorded, error) {
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		c, err := r.ReadByte()
		if err != nil {
			return recorded{}, err
		}
		head.WriteByte(c)
	}
	request := recorded{head: strings.TrimSuffix(head.String(), "\r\n\r\n")}
	var body bytes.Buffer
	var err error
	if encoding := request.header("Transfer-Encoding"); len(encoding) > 0 {
		err = readChunks(r, &body)
	} else if length := request.header("Content-Length"); len(length) > 0 {
		n, parseErr := strconv.ParseInt(length[0], 10, 64)
		if parseErr != nil {
			return request, parseErr
		}
		_, err = io.CopyN(&body, r, n)
	}
	request.body = body.String()
	return request, err
}

// readChunks copies a chunked body with its sizes and trailers.
func readChunks(r *bufio.Reader, to *bytes.Buffer) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		to.WriteString(line)
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return err
		}
		if n == 0 {
			return readTrailer(r, to)
		}
		if _, err := io.CopyN(to, r, n+2); err != nil {
			return err
		}
	}
}

func readTrailer(r *bufio.Reader, to *bytes.Buffer) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		to.WriteString(line)
		if line == "\r\n" {
			return nil
		}
		if to.Len() > 1<<20 {
			return errors.New("endless trailer")
		}
	}
}

// take returns the requests so far and forgets them.
func (b *backend) take() []recorded {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

// takePartial returns what connections held that was no whole request.
func (b *backend) takePartial() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	partial := b.partial
	b.partial = nil
	return partial
}

// only returns the one request that came.
func (b *backend) only(t *testing.T) recorded {
	t.Helper()
	got := b.take()
	if len(got) != 1 {
		t.Fatalf("the backend got %d requests; want 1", len(got))
	}
	return got[0]
}

// line returns the request line.
func (r recorded) line() string {
	line, _, _ := strings.Cut(r.head, "\r\n")
	return line
}

// target returns the request-target.
func (r recorded) target() string {
	parts := strings.SplitN(r.line(), " ", 2)
	if len(parts) < 2 {
		return ""
	}
	return parts[1][:max(0, strings.LastIndexByte(parts[1], ' '))]
}

// fields returns the header lines as pairs, trailers of a chunked body included.
func (r recorded) fields() (fields [][2]string) {
	_, lines, _ := strings.Cut(r.head, "\r\n")
	if len(r.header0(lines, "Transfer-Encoding")) > 0 {
		lines += "\r\n" + r.body
	}
	return splitFields(lines)
}

func splitFields(lines string) (fields [][2]string) {
	for line := range strings.SplitSeq(lines, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields = append(fields, [2]string{name, strings.TrimSpace(value)})
		}
	}
	return fields
}

// header returns the values of a header, by its name without regard to case.
func (r recorded) header(name string) []string {
	_, lines, _ := strings.Cut(r.head, "\r\n")
	return r.header0(lines, name)
}

func (recorded) header0(lines, name string) (values []string) {
	for _, f := range splitFields(lines) {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// client speaks just enough HTTP/1.1 over one connection to keep a gateway
// busy at a fraction of its CPU time.
type client struct {
	conn net.Conn
	buf  []byte
	have int
}

func newClient(conn net.Conn) *client { return &client{conn: conn, buf: make([]byte, 16<<10)} }

// roundTrip sends a request and returns the status of its answer. An
// answer that does not fit the buffer, has no Content-Length or is followed by
// more than was asked for is an error: it is not what the benchmark measures.
func (c *client) roundTrip(request []byte) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	c.have = 0
	head, err := c.readUntil(func(b []byte) int { return bytes.Index(b, []byte("\r\n\r\n")) })
	if err != nil {
		return 0, err
	}
	status, length, err := parseHead(c.buf[:head+2])
	if err != nil {
		return 0, err
	}
	total := head + 4 + length
	if total > len(c.buf) {
		return 0, fmt.Errorf("an answer of %d bytes is longer than the benchmark expects", total)
	}
	if _, err := c.readUntil(func(b []byte) int { return min(len(b)-total, 0) }); err != nil {
		return 0, err
	}
	if c.have > total {
		return 0, fmt.Errorf("%d bytes follow the answer", c.have-total)
	}
	return status, nil
}

// readUntil reads on until done finds what it looks for (not negative).
func (c *client) readUntil(done func([]byte) int) (int, error) {
	for {
		if at := done(c.buf[:c.have]); at >= 0 {
			return at, nil
		}
		if c.have == len(c.buf) {
			return 0, fmt.Errorf("an answer is longer than the %d bytes that the benchmark expects", c.have)
		}
		n, err := c.conn.Read(c.buf[c.have:])
		if err != nil {
			return 0, err
		}
		c.have += n
	}
}

func parseHead(head []byte) (status, length int, err error) {
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("not an HTTP answer: %.40q", head)
	}
	status, err = strconv.Atoi(string(head[9:12]))
	if err != nil {
		return 0, 0, fmt.Errorf("not a status: %.40q", head)
	}
	_, rest, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !ok {
		return 0, 0, fmt.Errorf("the answer with status %d has no Content-Length", status)
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	length, err = strconv.Atoi(string(digits))
	if err != nil || length < 0 {
		return 0, 0, fmt.Errorf("bad Content-Length %q", digits)
	}
	return status, length, nil
}

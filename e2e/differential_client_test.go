package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rawClient sends requests byte for byte, over one connection as long as it lasts.
type rawClient struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
	got     bytes.Buffer // what has come for the last request, understood or not
}

// ask returns the status of the answer, and all that came. What is no HTTP has
// the status 0; a server that only closed the connection has sent nothing.
func (c *rawClient) ask(request []byte) (status int, got []byte, err error) {
	reused := c.conn != nil
	status, err = c.try(request)
	if err != nil && reused && c.got.Len() == 0 {
		// The server has closed the connection after the last answer.
		status, err = c.try(request)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return 0, nil, fmt.Errorf("no answer within %v", patience)
	}
	return status, c.got.Bytes(), nil
}

func (c *rawClient) try(request []byte) (int, error) {
	c.got.Reset()
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, patience)
		if err != nil {
			return 0, err
		}
		c.conn, c.reader = conn, bufio.NewReader(io.TeeReader(conn, &c.got))
	}
	status, keep, err := c.exchange(request)
	if err != nil || !keep {
		c.close()
	}
	return status, err
}

func (c *rawClient) exchange(request []byte) (status int, keep bool, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, false, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, false, err
	}
	method, _, _ := bytes.Cut(request, []byte(" "))
	resp, err := http.ReadResponse(c.reader, &http.Request{Method: string(method)})
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, false, err
	}
	// More than the answer: the next one shall not be mistaken for it.
	return resp.StatusCode, !resp.Close && c.reader.Buffered() == 0, nil
}

func (c *rawClient) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// targetTap stands between the gateway and a backend and notes the target of
// every request that the backend gets, by the number in its X-Case.
type targetTap struct {
	listener net.Listener
	backend  string
	mu       sync.Mutex
	targets  map[int]string
	open     map[net.Conn]bool // nil when it is closed
	serving  sync.WaitGroup
}

func newTargetTap(backend string) (*targetTap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &targetTap{listener: l, backend: backend, targets: map[int]string{}, open: map[net.Conn]bool{}}
	w.serving.Go(w.accept)
	return w, nil
}

func (w *targetTap) addr() string { return w.listener.Addr().String() }

func (w *targetTap) accept() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", w.backend)
		if err != nil {
			from.Close()
			continue
		}
		w.mu.Lock()
		closed := w.open == nil
		if !closed {
			w.open[from], w.open[to] = true, true
		}
		w.mu.Unlock()
		if closed {
			from.Close()
			to.Close()
			return
		}
		w.serving.Go(func() { w.requests(from, to) })
		w.serving.Go(func() {
			_, _ = io.Copy(from, to) // ends when either side does
			w.end(from, to)
		})
	}
}

// requests hands requests on, which have no body, and notes their targets before.
func (w *targetTap) requests(from, to net.Conn) {
	defer w.end(from, to)
	r := bufio.NewReader(from)
	for {
		var head bytes.Buffer
		for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			head.Write(line)
		}
		number, target := readHead(head.String())
		w.mu.Lock()
		w.targets[number] = target
		w.mu.Unlock()
		if _, err := to.Write(head.Bytes()); err != nil {
			return
		}
	}
}

// readHead returns the number and the target of a request.
func readHead(head string) (number int, target string) {
	line, headers, _ := strings.Cut(head, "\r\n")
	number = -1
	for header := range strings.SplitSeq(headers, "\r\n") {
		if value, ok := strings.CutPrefix(header, "X-Case: "); ok {
			if n, err := strconv.Atoi(value); err == nil {
				number = n
			}
		}
	}
	_, target, _ = strings.Cut(line, " ")
	return number, strings.TrimSuffix(target, " HTTP/1.1")
}

// take returns what target the backend got of a request, if it got it.
func (w *targetTap) take(number int) (target string, reached bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	target, reached = w.targets[number]
	delete(w.targets, number)
	return target, reached
}

// left returns what nobody took.
func (w *targetTap) left() map[int]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.targets)
}

func (w *targetTap) end(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
		delete(w.open, conn)
	}
}

// close ends it; the backend has no more connections from it.
func (w *targetTap) close() {
	w.listener.Close()
	w.mu.Lock()
	for conn := range w.open {
		conn.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.serving.Wait()
}

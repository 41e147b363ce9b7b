//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
)

// What a small REST resource looks like: about 200 bytes of JSON behind the
// headers that most frameworks set.
const articleJSON = `{"data":{"id":42,"documentId":"k2v9x7q1m4","title":"Tokens in front of an API","slug":"tokens-in-front","author":"Ada","published":true,"tags":["api","gateway"],"updatedAt":"2026-11-01T08:00:00Z"}}`

var articleAnswer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"+
	"Cache-Control: no-cache\r\nVary: Accept-Encoding\r\nDate: Sun, 01 Nov 2026 08:00:00 GMT\r\n"+
	"Content-Length: %d\r\n\r\n%s", len(articleJSON), articleJSON)

// authAnswer is that of the service that forward_auth asks. It has no body: Caddy
// closes the connection to a service that sends one, which would make
// forward_auth look almost three times as expensive as it need be.
var authAnswer = []byte("HTTP/1.1 200 OK\r\nDate: Sun, 01 Nov 2026 08:00:00 GMT\r\nContent-Length: 0\r\n\r\n")

// runBackend answers every request that has no body with the same article. It is
// written by hand because net/http would take as much CPU as the gateway and
// dilute the difference in throughput. It ends with its context, or when stdin
// ends because the benchmark is gone.
func runBackend(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // its end is the message
		cancel()
	}()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	if _, err := fmt.Fprintln(stdout, listener.Addr()); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go answerAll(conn)
	}
}

func answerAll(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 16<<10)
	have := 0
	for have < len(buf) {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		for {
			end := bytes.Index(buf[:have], []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			answer := articleAnswer
			if bytes.HasPrefix(buf, []byte("GET /auth ")) {
				answer = authAnswer
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
			have = copy(buf, buf[end+4:have])
		}
	}
}

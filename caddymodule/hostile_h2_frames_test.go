package caddymodule

import (
	"testing"

	"golang.org/x/net/http2"
)

// frameTest sends frames by hand. The usual request, allowed and whole, is on
// stream 1 if the test sends it.
type frameTest struct {
	name     string
	want     string // the outcome of stream 1
	forwards int
	send     func(c *h2conn, id uint32, block []byte)
}

var frameTests = []frameTest{
	{"the request as it should be", forward, 1, func(c *h2conn, id uint32, block []byte) {
		c.sendHeaders(id, block, 0, true)
	}},
	{"padding, and a priority", forward, 1, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true, PadLength: 255,
			Priority: http2.PriorityParam{StreamDep: 99, Exclusive: true, Weight: 255},
		})
	}},
	{"a stream that depends on itself", "reset", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true,
			Priority: http2.PriorityParam{StreamDep: id, Weight: 1},
		})
	}},
	{"priorities of streams that are not there", forward, 1, func(c *h2conn, id uint32, block []byte) {
		c.framer.WritePriority(id+100, http2.PriorityParam{StreamDep: id, Weight: 1})
		c.sendHeaders(id, block, 0, true)
		c.framer.WritePriority(id, http2.PriorityParam{StreamDep: id + 2})
	}},
	{"another frame amid the header block", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true})
		c.framer.WritePing(false, [8]byte{})
		c.framer.WriteContinuation(id, true, nil)
	}},
	{"another stream's headers amid the header block", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:3], EndStream: true})
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id + 2, BlockFragment: block[3:], EndStream: true, EndHeaders: true})
	}},
	{"another stream's end of the header block", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:3], EndStream: true})
		c.framer.WriteContinuation(id+2, true, block[3:])
	}},
	{"a continuation of nothing", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteContinuation(id, true, block)
	}},
	{"a second header block that does not end the stream", "reset", 0, func(c *h2conn, id uint32, block []byte) {
		c.sendHeaders(id, block, 0, false)
		c.sendHeaders(id, c.encode([][2]string{{"x-token-id", "admin"}}), 0, false)
	}},
	{"a second request on the stream", "reset", 0, func(c *h2conn, id uint32, block []byte) {
		c.sendHeaders(id, block, 0, false)
		c.sendHeaders(id, c.encode(usual("DELETE", "https", "gw.example.test", "/api/users/1")), 0, true)
	}},
	{"a request on no stream", "goaway", 0, func(c *h2conn, _ uint32, block []byte) {
		c.sendHeaders(0, block, 0, true)
	}},
	{"a request on a stream of the server", "goaway", 0, func(c *h2conn, _ uint32, block []byte) {
		c.sendHeaders(2, block, 0, true)
	}},
	{"data before the request", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteData(id, false, []byte("GET / HTTP/1.1\r\n\r\n"))
		c.sendHeaders(id, block, 0, true)
	}},
	{"a push by the client", "goaway", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, BlockFragment: block, EndHeaders: true})
	}},
	{"a frame that nobody knows", forward, 1, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteRawFrame(0xfa, 0xff, id, []byte("x-token-id: admin"))
		c.sendHeaders(id, block, 0, true)
	}},
	{"a header block that is not packed right", "goaway-COMPRESSION_ERROR", 0, func(c *h2conn, id uint32, block []byte) {
		c.sendHeaders(id, append(block, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0, true)
	}},
	{"a header block that breaks off", "goaway-COMPRESSION_ERROR", 0, func(c *h2conn, id uint32, block []byte) {
		c.sendHeaders(id, block[:len(block)-1], 0, true)
	}},
	{"a larger frame than was agreed", "goaway-FRAME_SIZE_ERROR", 0, func(c *h2conn, id uint32, block []byte) {
		c.framer.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, id, append(block, make([]byte, 2<<20)...))
	}},
}

// Frames out of order, of the wrong size or on the wrong stream.
func TestHostileHTTP2Frames(t *testing.T) {
	g, sites := startH2(t, hostileSite, 1)
	bothH2(t, func(t *testing.T, encrypted bool) {
		for _, test := range frameTests {
			c := mustDialH2(t, sites[0].addr(encrypted), encrypted)
			id := c.open()
			test.send(c, id, c.encode(requestH2("GET", schemeOf(encrypted), "/a", g.tokens["full"].secret).fields))
			if err := c.wait(id); err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if got, _ := c.outcome(id); got != test.want {
				t.Errorf("%s: %s; want %s", test.name, got, test.want)
			}
			got := sites[0].backend.take()
			if len(got) != test.forwards {
				t.Errorf("%s: the backend got %d requests; want %d", test.name, len(got), test.forwards)
			}
			for _, r := range got {
				if ids := r.header("X-Token-Id"); len(ids) != 1 || ids[0] != g.tokens["full"].id {
					t.Errorf("%s: the backend got %q", test.name, r.raw)
				}
			}
		}
	})
	checkH2Rest(t, sites, g.tokens, 2*2) // of those with a second header block
}

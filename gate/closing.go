package gate

import (
	"io"
	"net/http"
	"sync/atomic"
)

// closing is the end of a body that was read and is given again. Once closed it fails
// whoever reads it: a proxy that tries another server after one that broke off would
// send an empty body there, which is another request than was decided on.
type closing struct {
	from   io.ReadCloser
	closed atomic.Bool
}

// ended returns the error of a body that is closed.
func (c *closing) ended() error {
	if c.closed.Load() {
		return http.ErrBodyReadAfterClose
	}
	return nil
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return c.from.Close()
}

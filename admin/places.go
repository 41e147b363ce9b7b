package admin

import "context"

// places are for what takes memory or time: as many as there are do it at a time, others wait.
type places chan struct{}

// enter waits for a place, or for the end of the context, whose error it returns.
func (p places) enter(ctx context.Context) error {
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p places) leave() { <-p }

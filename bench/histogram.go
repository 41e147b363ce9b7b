//go:build linux

package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts latencies in buckets that are at most 1/16 wide, so that
// recording one costs a few nanoseconds of the core that the gateway needs.
type histogram struct {
	buckets [histogramBuckets]atomic.Uint64
}

const (
	subBuckets       = 16
	histogramBuckets = 42 * subBuckets
)

func (h *histogram) add(d time.Duration) {
	h.buckets[min(bucketOf(uint64(max(d, 0))), histogramBuckets-1)].Add(1)
}

func bucketOf(ns uint64) int {
	if ns < subBuckets {
		return int(ns)
	}
	shift := bits.Len64(ns) - 5                               // keeps the leading bit and four more
	return (shift+1)*subBuckets + int(ns>>shift) - subBuckets //nolint:gosec // G115: five bits are left
}

// middleOf is the middle of a bucket.
func middleOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket/subBuckets - 1
	low := (bucket%subBuckets + subBuckets) << shift
	return time.Duration(low + 1<<shift/2)
}

// quantile returns the latency that the given share of requests stays below,
// or 0 if there were none.
func (h *histogram) quantile(share float64) time.Duration {
	var total uint64
	for i := range h.buckets {
		total += h.buckets[i].Load()
	}
	rank := uint64(share * float64(total))
	var seen uint64
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen > rank {
			return middleOf(i)
		}
	}
	return 0
}

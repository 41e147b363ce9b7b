package admin_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

// hungryPasswords leave memory behind, as argon2 does.
type hungryPasswords struct {
	quickPasswords
	peak atomic.Uint64
}

const hungry = 32 << 20 // bytes for each hash

func (h *hungryPasswords) Compare(hash, password string) (bool, error) {
	memory := make([]byte, hungry)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	for peak := h.peak.Load(); now.HeapInuse > peak && !h.peak.CompareAndSwap(peak, now.HeapInuse); peak = h.peak.Load() {
	}
	runtime.KeepAlive(memory)
	return h.quickPasswords.Compare(hash, password)
}

// Strangers who guess passwords once made the gateway's memory grow to gigabytes:
// the ready binary lets its collector run seldom.
func TestGuessingNeedsBoundedMemory(t *testing.T) {
	f, _ := newManagement(t)
	h := &hungryPasswords{}
	f.WithPasswords(h)
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			_, _ = f.SignIn(t.Context(), fmt.Sprint("nobody", i), password, admin.From{Address: fmt.Sprint("192.0.2.", i), Agent: "test"})
		})
	}
	all.Wait()
	if grown := int64(h.peak.Load()) - int64(before.HeapInuse); h.compared.Load() < 50 || grown > 8*hungry {
		t.Errorf("%d hashes took %d MiB more", h.compared.Load(), grown>>20)
	}
}

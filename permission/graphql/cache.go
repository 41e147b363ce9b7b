package graphql

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync/atomic"
)

// digest is the SHA-256 of a document.
type digest = [sha256.Size]byte

// cache remembers what was read from documents, so that a repeated one costs a
// hash and a look-up. It is a fixed table without locks, in which newer entries
// overwrite older ones: a flood of different documents can neither grow it nor
// make requests wait for each other. It holds at most 4,096 entries of at most
// maxEntry bytes, 8 MiB in all, and no text.
type cache [1 << 12]atomic.Pointer[entry]

type entry struct {
	digest digest
	fields []Field
	err    *Error
}

// maxEntry is the size in bytes up to which an entry is kept. Some 40 root fields
// fit; what has more is read again each time.
const maxEntry = 2 << 10

func (c *cache) slot(d *digest) *atomic.Pointer[entry] {
	return &c[binary.LittleEndian.Uint64(d[:])%uint64(len(c))]
}

func (c *cache) find(d *digest) *entry {
	if e := c.slot(d).Load(); e != nil && e.digest == *d {
		return e
	}
	return nil
}

func (c *cache) add(d digest, fields []Field, err *Error) {
	if entrySize(fields, err) > maxEntry {
		return
	}
	e := &entry{digest: d, fields: slices.Clone(fields), err: err}
	for i := range e.fields {
		// Otherwise the name would keep the whole text in memory.
		e.fields[i].Name = strings.Clone(e.fields[i].Name)
	}
	c.slot(&d).Store(e)
}

// entrySize is what an entry takes, in bytes, roundly.
func entrySize(fields []Field, err *Error) int {
	size := 128
	for _, f := range fields {
		size += 32 + len(f.Name)
	}
	if err != nil {
		size += len(err.Problem)
	}
	return size
}

package graphql

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// digest is the SHA-256 of a document.
type digest = [sha256.Size]byte

// slots is how many documents each of the memories below holds at most.
const slots = 1 << 12

// cache remembers what was read from documents, so that a repeated one costs a
// hash and a look-up. It is a fixed table without locks, in which newer entries
// overwrite older ones: a flood of different documents can neither grow it nor
// make requests wait for each other. It holds at most 4,096 entries of at most
// maxEntry bytes, 8 MiB in all, and no text.
type cache [slots]atomic.Pointer[entry]

// entry is what a document does, or why it can't be read.
type entry struct {
	digest digest
	fields []Field
	err    *Error
}

// read returns what the entry has; nil is that of a document that is not known.
func (e *entry) read() ([]Field, *Error) {
	if e == nil {
		return nil, errNotFound
	}
	return e.fields, e.err
}

// maxEntry is the size in bytes up to which an entry is kept. Some 40 root fields
// fit; what has more is read again each time.
const maxEntry = 2 << 10

func (c *cache) slot(d *digest) *atomic.Pointer[entry] {
	return &c[binary.LittleEndian.Uint64(d[:])%slots]
}

func (c *cache) find(d *digest) *entry {
	if e := c.slot(d).Load(); e != nil && e.digest == *d {
		return e
	}
	return nil
}

// add makes an entry, and keeps it if it is not too large.
func (c *cache) add(d digest, fields []Field, err *Error) *entry {
	e := &entry{digest: d, fields: fields, err: err}
	if e.size() > maxEntry {
		return e
	}
	e.fields = slices.Clone(fields)
	for i := range e.fields {
		// Otherwise the name would keep the whole text in memory.
		e.fields[i].Name = strings.Clone(e.fields[i].Name)
	}
	c.slot(&d).Store(e)
	return e
}

// size is what an entry takes, in bytes, roundly.
func (e *entry) size() int {
	size := 128
	for _, f := range e.fields {
		size += 32 + len(f.Name)
	}
	if e.err != nil {
		size += len(e.err.Problem)
	}
	return size
}

// texts remembers documents by how they stand in JSON, for who sends one over and
// over: to compare it costs less than to decode it and to take its SHA-256. Like
// cache it is a fixed table without locks. It takes 16 MiB at most, half of it entries
// that cache may have forgotten. The seed keeps clients from filling one slot.
type texts struct {
	seed  maphash.Seed
	table [slots]atomic.Pointer[quotedText]
}

type quotedText struct {
	raw string
	*entry
}

// maxText is the length in bytes up to which a text is kept.
const maxText = 2 << 10

func (t *texts) slot(raw []byte) *atomic.Pointer[quotedText] {
	return &t.table[maphash.Bytes(t.seed, raw)%slots]
}

func (t *texts) find(raw []byte) *entry {
	if len(raw) > maxText {
		return nil
	}
	if q := t.slot(raw).Load(); q != nil && q.raw == string(raw) {
		return q.entry
	}
	return nil
}

func (t *texts) add(raw []byte, e *entry) {
	if len(raw) <= maxText && e.size() <= maxEntry {
		t.slot(raw).Store(&quotedText{string(raw), e})
	}
}

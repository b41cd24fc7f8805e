package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"tocsin/track"
)

// hasher makes the 64-bit keys by which messages are found; the results are compared exactly afterwards. The keys depend on
// the database's secret, so nobody can choose addresses or stanza ids that collide. The upper half of a message's key is the
// sender's, so all rows of a sender, and all their conversations, are one range of an index.
//
// Values from outside are indexed only by hash: PostgreSQL refuses to index more than 2,704 bytes, and a full JID may have
// 3,071 (RFC 7622 §3.1).
type hasher struct{ secret []byte }

func (h *hasher) sum(a, b string) [sha256.Size]byte {
	var buf [256]byte
	in := append(buf[:0], h.secret...)
	in = append(append(append(in, a...), 0), b...)
	return sha256.Sum256(in)
}

func (h *hasher) half(a, b string) uint32 {
	sum := h.sum(a, b)
	return binary.BigEndian.Uint32(sum[:])
}

// whole returns the key of an address, or of two strings.
func (h *hasher) whole(a, b string) int64 {
	sum := h.sum(a, b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

func join(upper, lower uint32) int64 { return int64(uint64(upper)<<32 | uint64(lower)) }

// key returns the keys of a message and of its conversation.
func (h *hasher) key(k track.Key) (hash, conv int64) {
	sender := h.half(k.Sender, "")
	return join(sender, h.half(k.Recipient, k.ID)), join(sender, h.half(k.Recipient, ""))
}

// halves are the two halves of a conversation's key.
type halves struct{ sender, recipient uint32 }

// keyOf is key for many messages: conversations are hashed once.
func (h *hasher) keyOf(w *walk, k track.Key) (hash, conv int64) {
	known, ok := w.convs[k.Conv()]
	if !ok {
		if w.convs == nil {
			w.convs = map[track.Conv]halves{}
		}
		known = halves{h.half(k.Sender, ""), h.half(k.Recipient, "")}
		w.convs[k.Conv()] = known
	}
	return join(known.sender, h.half(k.Recipient, k.ID)), join(known.sender, known.recipient)
}

func (h *hasher) conv(c track.Conv) int64 {
	return join(h.half(c.Sender, ""), h.half(c.Recipient, ""))
}

// all returns the keys of addresses, and the addresses as stored, for the exact comparison.
func (h *hasher) all(addresses map[string]bool) (exact map[string]bool, hashes []int64) {
	exact, hashes = make(map[string]bool, len(addresses)), make([]int64, 0, len(addresses))
	for a := range addresses {
		if a = clean(a); !exact[a] {
			exact[a] = true
			hashes = append(hashes, h.whole(a, ""))
		}
	}
	return exact, hashes
}

// device returns the key of a full JID; the upper half is the bare JID's.
func (h *hasher) device(full string) int64 {
	bare, resource, _ := strings.Cut(full, "/")
	return join(h.half(bare, ""), h.half(bare, resource))
}

// sender returns the first and the last key of a sender's range; shifted right by 32, both are the sender's own.
func (h *hasher) sender(jid string) (first, last int64) {
	s := h.half(jid, "")
	return join(s, 0), join(s, 1<<32-1)
}

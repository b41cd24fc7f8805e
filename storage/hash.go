package storage

import (
	"crypto/sha256"
	"encoding/binary"

	"tocsin/track"
)

// hasher makes the 64-bit keys under which messages are found; what they find is compared exactly after that. They
// are keyed by the database's secret: nobody can choose stanza ids that collide. The upper half of every key is the
// sender's, so that all rows of a sender, and all their conversations, are one range of an index.
type hasher struct{ secret []byte }

func (h *hasher) half(a, b string) uint32 {
	var buf [256]byte
	in := append(buf[:0], h.secret...)
	in = append(append(append(in, a...), 0), b...)
	sum := sha256.Sum256(in)
	return binary.BigEndian.Uint32(sum[:])
}

func join(upper, lower uint32) int64 { return int64(uint64(upper)<<32 | uint64(lower)) }

// key returns the keys of a message and of its conversation.
func (h *hasher) key(k track.Key) (hash, conv int64) {
	sender := h.half(k.Sender, "")
	return join(sender, h.half(k.Recipient, k.ID)), join(sender, h.half(k.Recipient, ""))
}

func (h *hasher) conv(c track.Conv) int64 {
	return join(h.half(c.Sender, ""), h.half(c.Recipient, ""))
}

// sender returns the first and the last key of a sender's range; shifted right by 32 both are the sender's own.
func (h *hasher) sender(jid string) (first, last int64) {
	s := h.half(jid, "")
	return join(s, 0), join(s, 1<<32-1)
}

package request

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// tokens creates sync tokens. Each stands for a revision, and belongs to one sender and one database, from whose secret it is
// derived; nobody can forge one, or learn from it how many revisions there are.
type tokens struct{ secret []byte }

// A token is a mark, an HMAC of the sender and the revision, and the revision masked by an HMAC of the mark.
const (
	markLen  = 16
	tokenLen = markLen + 8
)

var encoding = base64.RawURLEncoding

// of returns the token of a sender for a revision. It is deterministic.
func (t tokens) of(sender string, revision int64) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(revision))
	mark := t.sum("sync mark", string(plain), sender)[:markLen]
	return encoding.EncodeToString(append(mark, t.mask(mark, plain)...))
}

// revision returns the revision of a sender's token; ok is false if it was not issued to this sender by this database.
func (t tokens) revision(sender, token string) (revision int64, ok bool) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) != tokenLen {
		return 0, false
	}
	plain := t.mask(b[:markLen], b[markLen:])
	mark := t.sum("sync mark", string(plain), sender)[:markLen]
	return int64(binary.BigEndian.Uint64(plain)), hmac.Equal(mark, b[:markLen])
}

// mask hides or reveals a revision.
func (t tokens) mask(mark, b []byte) []byte {
	masked := bytes.Clone(b)
	for i, x := range t.sum("sync mask", string(mark))[:len(b)] {
		masked[i] ^= x
	}
	return masked
}

// sum returns an HMAC of parts; only the last may have a variable length.
func (t tokens) sum(use string, parts ...string) []byte {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte(use))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

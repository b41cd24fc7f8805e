package request

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// tokens makes sync tokens. Each stands for a revision and belongs to one sender and one database, whose secret it is
// made with; nobody else can forge one, or learn from it how many revisions there are.
type tokens struct{ secret []byte }

// A token is a mark, an HMAC of the sender and the revision, and the revision masked by an HMAC of the mark.
const (
	markLen  = 16
	tokenLen = markLen + 8
)

var encoding = base64.RawURLEncoding

// of returns the token of a sender for a revision, always the same.
func (t tokens) of(sender string, revision int64) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(revision))
	mark := t.sum("sync mark", string(plain), sender)[:markLen]
	return encoding.EncodeToString(append(mark, t.mask(mark, plain)...))
}

// revision returns the revision of a sender's token; ok is false if the sender was never given it, or not by this database.
func (t tokens) revision(sender, token string) (revision int64, ok bool) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) != tokenLen {
		return 0, false
	}
	plain := t.mask(b[:markLen], b[markLen:])
	mark := t.sum("sync mark", string(plain), sender)[:markLen]
	return int64(binary.BigEndian.Uint64(plain)), hmac.Equal(mark, b[:markLen])
}

// mask hides a revision, or shows it.
func (t tokens) mask(mark, b []byte) []byte {
	masked := bytes.Clone(b)
	for i, x := range t.sum("sync mask", string(mark))[:len(b)] {
		masked[i] ^= x
	}
	return masked
}

// sum is an HMAC of parts, none of which but the last is of variable length.
func (t tokens) sum(use string, parts ...string) []byte {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte(use))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

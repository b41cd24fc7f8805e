// Package caps is entity capabilities (XEP-0115): the hash in a presence that stands for a disco#info response, and its
// verification, without which a response must not be shared among users.
//
// mellium computes the hash, too, but panics on an empty form and does not detect ill-formed responses.
package caps

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"hash"
	"slices"
)

const (
	NS     = "http://jabber.org/protocol/caps"
	NSInfo = "http://jabber.org/protocol/disco#info"
)

// Caps is the <c/> in a presence.
type Caps struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/caps c"`
	Hash    string   `xml:"hash,attr,omitempty"`
	Node    string   `xml:"node,attr"`
	Ver     string   `xml:"ver,attr"`
}

// Query returns the node that a disco#info request about c names (XEP-0115 §6.2).
func (c Caps) Query() string { return c.Node + "#" + c.Ver }

// Key returns the key of a cache shared among users. Without a key (the hash is missing or unknown), a response counts only
// for the resource that sent it (XEP-0115 §5.4 rules 1 and 2).
func (c Caps) Key() (key string, ok bool) {
	_, known := hashes[c.Hash]
	return c.Hash + " " + c.Ver, known && c.Ver != ""
}

// Reasons why a response must not be shared.
var (
	ErrHash      = errors.New("missing or unknown hash")
	ErrIllFormed = errors.New("ill-formed disco#info")
	ErrMismatch  = errors.New("hash does not match the disco#info answer")
	ErrAmbiguous = errors.New("ambiguous verification string")
)

// Verify returns nil if info matches c, so that its features may be shared among users (XEP-0115 §5.4); otherwise it wraps
// ErrHash, ErrIllFormed, ErrMismatch or ErrAmbiguous. The hash does not tell a feature from a value of a form, so two
// responses can have the same hash (XEP-0115 §9.3): a response that contains any of the features elsewhere proves nothing
// about them.
func (c Caps) Verify(info Info, features ...string) error {
	if _, ok := c.Key(); !ok {
		return ErrHash
	}
	ver, err := info.Ver(hashes[c.Hash]())
	if err != nil {
		return err
	}
	if ver != c.Ver {
		return ErrMismatch
	}
	if slices.ContainsFunc(features, info.hides) {
		return ErrAmbiguous
	}
	return nil
}

// Names from the IANA registry of hash functions. The older MD5 and MD2 prove nothing.
var hashes = map[string]func() hash.Hash{
	"sha-1":   sha1.New,
	"sha-224": sha256.New224,
	"sha-256": sha256.New,
	"sha-384": sha512.New384,
	"sha-512": sha512.New,
}

// Ver returns the verification string of the response (XEP-0115 §5.1), or an error that wraps ErrIllFormed.
func (i Info) Ver(h hash.Hash) (string, error) {
	s, err := i.text()
	if err != nil {
		return "", err
	}
	h.Write(s)
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// Has reports whether the response lists the feature.
func (i Info) Has(feature string) bool {
	return slices.ContainsFunc(i.Features, func(f Feature) bool { return f.Var == feature })
}

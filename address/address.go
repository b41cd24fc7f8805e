// Package address parses XMPP addresses and brings them into the canonical form in which they are compared, stored and sent.
//
// Servers compare addresses by stringprep (RFC 3920 appendices A and B, Unicode 3.2), and some stamp stanzas with what the
// user typed at login: to ejabberd, eße@example.org is esse@example.org. So the bare part is prepared in the same way here.
// RFC 7622, whose PRECIS profiles the XMPP library enforces, would keep such accounts apart, merge others that the servers
// keep apart, and refuse some that they route (i♥x@example.org).
package address

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"mellium.im/xmpp/jid"
)

// ErrInvalid is returned for anything that is not an address, or not an address of the requested kind.
var ErrInvalid = errors.New("invalid address")

// maxPart is the maximum size of a part of an address in bytes (RFC 7622 §3.1), MaxLen that of a whole one.
const (
	maxPart = 1023
	MaxLen  = 3*maxPart + 2
)

// Parse parses an address. The bare part is brought into the form in which it is compared. The resource is kept as it is:
// only its own server can tell which resources are equal.
func Parse(s string) (jid.JID, error) {
	bare, resource, full := strings.Cut(s, "/")
	local, domain, err := parseBare(bare)
	if err != nil || full && (resource == "" || len(resource) > maxPart || !utf8.ValidString(resource)) {
		return jid.JID{}, ErrInvalid
	}
	return jid.NewUnsafe(local, domain, resource).JID, nil
}

// Bare parses an address without a resource, of a user or of a domain.
func Bare(s string) (string, error) {
	local, domain, err := parseBare(s)
	if err != nil || local == "" {
		return domain, err
	}
	return local + "@" + domain, nil
}

// User parses the bare address of a user.
func User(s string) (string, error) {
	if !strings.Contains(s, "@") {
		return "", ErrInvalid
	}
	return Bare(s)
}

func parseBare(s string) (local, domain string, err error) {
	local, domain, hasLocal := strings.Cut(s, "@")
	if !hasLocal {
		local, domain = "", s
	} else if local, err = Local(local); err != nil {
		return "", "", err
	}
	domain, err = Domain(domain)
	return local, domain, err
}

// Local parses a localpart.
func Local(s string) (string, error) {
	prepared, err := prepare(s)
	if err != nil || prepared == "" || len(prepared) > maxPart {
		return "", ErrInvalid
	}
	return prepared, nil
}

// Domain parses a domain, an IPv4 address, or an IPv6 address in brackets. A-labels become U-labels (RFC 7622 §3.2.1).
func Domain(s string) (string, error) {
	if ip, ok := strings.CutPrefix(s, "["); ok {
		ip, ok = strings.CutSuffix(ip, "]")
		a, err := netip.ParseAddr(ip)
		if !ok || err != nil || !a.Is6() || a.Zone() != "" {
			return "", ErrInvalid
		}
		return strings.ToLower(s), nil
	}
	prepared, err := prepare(strings.TrimSuffix(s, "."))
	if err != nil || prepared == "" || len(prepared) > maxPart || strings.ContainsFunc(prepared, inNoHost) {
		return "", ErrInvalid
	}
	if strings.Contains(prepared, "xn--") {
		u, err := idna.Display.ToUnicode(prepared)
		if err != nil {
			return prepared, nil
		}
		// Servers take straße.example for strasse.example, but its A-label stands for straße.example.
		if again, err := prepare(u); err == nil && again == u {
			return u, nil
		}
	}
	return prepared, nil
}

// inNoHost reports whether r is an ASCII character that never occurs in host names. Underscores do occur, and are allowed.
func inNoHost(r rune) bool { return r < utf8.RuneSelf && !plain(string(r)) || r == '+' }

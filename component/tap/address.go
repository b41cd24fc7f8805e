package tap

import (
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
)

// address is a JID, and what it is to us.
type address struct {
	full     string // bare if there is no resource
	bare     string
	resource string
	user     bool // it has a localpart
	local    bool // on one of our vhosts
	ours     bool // on the component's domain
	ignored  bool
}

// What is kept of addresses and of strings that come again and again is bounded.
const (
	maxKnown     = 1 << 14
	maxKnownSize = 256
)

// address parses a JID, or finds it among those that were parsed. It returns nil for what is none.
func (t *Tap) address(raw []byte) *address {
	if a, ok := t.addresses[string(raw)]; ok {
		return a
	}
	if len(raw) > 3071 { // RFC 7622 §3.1
		return nil
	}
	a := t.parse(string(raw))
	if len(raw) <= maxKnownSize {
		if len(t.addresses) >= maxKnown {
			clear(t.addresses)
		}
		t.addresses[string(raw)] = a
	}
	return a
}

func (t *Tap) parse(raw string) *address {
	local, domain, resource, ok := split(raw)
	if !ok {
		j, err := jid.Parse(raw)
		if err != nil {
			return nil
		}
		local, domain, resource = j.Localpart(), j.Domainpart(), j.Resourcepart()
		raw = j.String()
	}
	a := &address{full: raw, bare: raw, resource: resource, user: local != ""}
	if resource != "" {
		a.bare = raw[:len(raw)-len(resource)-1]
	}
	a.local = slices.Contains(t.config.Domains, domain)
	a.ours = domain == t.config.Component
	for _, p := range t.config.Ignore {
		a.ignored = a.ignored || p.Match(a.bare)
	}
	return a
}

// split divides a JID that is in normal form already: lower-case ASCII letters, digits and a few signs. ok is false for
// any other, right or wrong.
func split(s string) (local, domain, resource string, ok bool) {
	domain, resource, _ = strings.Cut(s, "/")
	if i := strings.IndexByte(domain, '@'); i >= 0 {
		local, domain = domain[:i], domain[i+1:]
		if local == "" || len(local) > 1023 {
			return "", "", "", false
		}
	}
	if domain == "" || len(domain) > 255 || len(resource) > 1023 || resource == "" && strings.HasSuffix(s, "/") {
		return "", "", "", false
	}
	label := 0 // letters so far
	for i := range len(domain) {
		switch c := domain[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' && i > 0:
			label++
		case c == '.' && label > 0 && i < len(domain)-1:
			label = 0
		default:
			return "", "", "", false
		}
	}
	return local, domain, resource, every(local, "._-+") && every(resource, "._-+:=@#~ ")
}

// every reports whether s holds only ASCII letters, in a localpart lower-case ones, digits, and these signs.
func every(s, signs string) bool {
	upper := strings.Contains(signs, " ")
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || upper && 'A' <= c && c <= 'Z' || strings.IndexByte(signs, c) >= 0) {
			return false
		}
	}
	return true
}

// known returns b as a string, without allocating for one that came before.
func (t *Tap) known(b []byte) string {
	if s, ok := t.strings[string(b)]; ok || len(b) == 0 {
		return s
	}
	if len(b) > maxKnownSize {
		return string(b)
	}
	if len(t.strings) >= maxKnown {
		clear(t.strings)
	}
	s := string(b)
	t.strings[s] = s
	return s
}

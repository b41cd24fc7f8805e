package tap

import (
	"slices"

	"tocsin/address"
)

// party is the sender or the addressee of a stanza: a canonical address, and its relation to us.
type party struct {
	full     string // bare if there is no resource
	bare     string
	resource string
	user     bool // it has a localpart
	local    bool // on one of our vhosts
	ours     bool // on the component's domain
	ignored  bool
	active   uint64 // the frame that has shown it to be online
}

// Bounds of the caches of addresses and recurring strings.
const (
	maxKnown     = 1 << 14
	maxKnownSize = 256
)

// address parses an address, or finds it in the cache. It returns nil if it is invalid.
func (t *Tap) address(raw []byte) *party {
	if a, ok := t.addresses[string(raw)]; ok {
		return a
	}
	if len(raw) > address.MaxLen {
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

func (t *Tap) parse(raw string) *party {
	j, err := address.Parse(raw)
	if err != nil {
		return nil
	}
	a := &party{full: j.String(), resource: j.Resourcepart(), user: j.Localpart() != ""}
	a.bare = a.full
	if a.resource != "" {
		a.bare = a.full[:len(a.full)-len(a.resource)-1]
	}
	a.local = slices.Contains(t.config.Domains, j.Domainpart())
	a.ours = j.Domainpart() == t.config.Component
	for _, p := range t.config.Ignore {
		a.ignored = a.ignored || p.Match(a.bare)
	}
	return a
}

// known returns b as a string, without allocating if it was seen before.
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

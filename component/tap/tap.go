// Package tap parses the server's reports about its users' messages: batches of events from our modules, or XEP-0297
// copies from ejabberd's mod_service_log or Prosody's mod_firewall. It turns them into facts about messages. docs/design/tap.md
// has the rules.
// It owns the memory reused by one reading goroutine, and has no other state: package track decides what follows from a fact. Its
// tests compare the fast reader with encoding/xml (fuzz_test.go), and with captures of real servers (golden_test.go).
package tap

import (
	"tocsin/track"
)

// Config selects the trusted sources of copies, and how copies are interpreted.
type Config struct {
	Domains    []string        // our vhosts
	Component  string          // the component's own domain
	Ignore     []track.Pattern // never tracked: rooms, gateways
	ReplyReads bool            // a reply or a reaction counts as displayed
	KeepText   bool            // facts include the message's text
	TextLimit  int             // graphemes of an SMS; one more is kept. 0: no limit
}

// Verdict classifies a frame.
type Verdict uint8

const (
	// Dropped: nothing about a message of ours. That includes presence, although it fills Sighting.Seen.
	Dropped Verdict = iota
	// Message: a local user wrote one.
	Message
	// Evidence: it says something about a message.
	Evidence
	// Rejected: a copy from an address that is not exactly one of our vhosts. Anybody can send one.
	Rejected
	// Malformed: not well-formed XML, or an invalid address.
	Malformed
)

// String returns the metric's label.
func (v Verdict) String() string {
	return [...]string{"dropped", "message", "evidence", "rejected", "malformed"}[v]
}

// SeenKind is the sign of life of a resource.
type SeenKind uint8

const (
	Active      SeenKind = iota // it wrote a message, or acknowledged one
	Available                   // it sent presence
	Unavailable                 // it is gone
)

// Caps are a resource's entity capabilities (XEP-0115), empty if it sent none.
type Caps struct{ Node, Ver, Hash string }

// Resource is a local user's resource that was seen.
type Resource struct {
	JID  string // full
	Caps Caps   // of presence
	Kind SeenKind
}

// Sighting is the content of a frame. Its slices are reused by the next Read; the strings in them stay valid.
type Sighting struct {
	Facts    []track.Fact // in the order in which they apply
	Seen     []Resource
	VoidHint bool // the message's <track/> is malformed, and ignored

	// Only for a batch of events (docs/PROTOCOL.md §10).
	Batch    Batch
	Counts   [Malformed + 1]int // of its events, by verdict
	Hello    *Hello
	Bye      bool     // the run has ended properly
	Ended    []string // runs that have ended with the nodes they were on
	Sessions []Session
	Removed  []string // bare JIDs of accounts that were deleted
	Displays []Display
}

// Tap reads frames. It is not safe for concurrent use.
type Tap struct {
	// Clocks are the servers' clocks; nil: their stamps are used as they are.
	Clocks Clocks

	config    Config
	fast      fast
	fields    fields
	addresses map[string]*party
	strings   map[string]string
	recent    recent

	// The current frame.
	out   *Sighting
	now   track.Time
	frame uint64 // its number; a second attempt to read it has another one

	thorough bool // use encoding/xml for every frame (tests)
}

// New returns a Tap configured by c.
func New(c Config) *Tap {
	t := &Tap{config: c, addresses: map[string]*party{}, strings: map[string]string{}, recent: newRecent()}
	t.fields.owner = t
	return t
}

// reset prepares for reading the current frame.
func (t *Tap) reset() {
	t.out.reset()
	t.frame++
}

// Read reads a frame, which it does not retain, and fills out with its content. The frame was observed at now.
func (t *Tap) Read(frame []byte, now track.Time, out *Sighting) Verdict {
	t.out, t.now = out, now
	t.reset()
	f := &t.fields
	if t.thorough || !t.fast.read(frame, f) {
		t.reset()
		if !slow(frame, f) {
			out.reset()
			return Malformed
		}
	}
	if f.batch.here && !f.batch.foreign {
		return out.verdict()
	}
	switch {
	case !t.fromVhost(f.outerFrom):
		return Rejected
	case f.dull || !f.isMessage || string(f.outerType) == "error" || f.forwards != 1 || f.stanzas != 1:
		return Dropped
	}
	r := report{Tap: t, f: f, out: out, now: now}
	switch f.kind {
	case message:
		return r.message()
	case presence:
		return r.presence()
	}
	return Dropped
}

func (s *Sighting) reset() {
	*s = Sighting{
		Facts: s.Facts[:0], Seen: s.Seen[:0], Sessions: s.Sessions[:0], Removed: s.Removed[:0],
		Displays: s.Displays[:0], Ended: s.Ended[:0],
	}
}

// verdict returns the verdict on a batch: that on its most relevant event.
func (s *Sighting) verdict() Verdict {
	switch {
	case s.Counts[Message] > 0:
		return Message
	case s.Counts[Evidence] > 0:
		return Evidence
	}
	return Dropped
}

// fromVhost reports whether the outer address is exactly one of our vhosts (protocol §1).
func (t *Tap) fromVhost(from []byte) bool {
	for _, d := range t.config.Domains {
		if string(from) == d {
			return true
		}
	}
	a := t.address(from)
	return a != nil && a.local && !a.user && a.resource == ""
}

package tap

import (
	"bytes"

	"tocsin/track"
)

const (
	maxMentions = 64   // ids of other messages that one stanza may name; further ones are ignored
	maxOthers   = 8    // delays, ids and fallbacks in one stanza, of each kind; beyond that the first ones and the last
	maxID       = 1024 // bytes of a stanza id; longer ones are ignored
)

// attr is an attribute; its value is unescaped.
type attr struct {
	space
	local, value []byte
}

// get returns the value of the attribute without a prefix, nil if there is none.
func get(attrs []attr, local string) []byte {
	for i := range attrs {
		if attrs[i].space == noSpace && string(attrs[i].local) == local {
			return attrs[i].value
		}
	}
	return nil
}

// stanzaKind is the kind of the forwarded stanza.
type stanzaKind uint8

const (
	noStanza stanzaKind = iota // or an IQ
	message
	presence
)

// has is a set of yes-or-no facts about a stanza.
type has uint32

const (
	hasBody           has = 1 << iota
	hasContent            // something that a client may mark as displayed
	hasForwarded          // a message in the message
	hasRequest            // XEP-0184
	hasMarkable           // XEP-0333
	hasNoStore            // XEP-0334
	hasProof              // a receipt or a marker
	hasOMEMO              // XEP-0384, either version
	hasPayload            // of OMEMO: without it there is no encrypted text
	hasCiphertext         // of another encryption
	hasEncryptionName     // XEP-0380
	hasSealed             // the encryption may contain more than the text
	hasReaction           // XEP-0444
	hasRinging            // XEP-0353
	hasHint               // protocol §3
	hasVoidHint           // the same, malformed
	hasError              // an error: the server's, or one that the author put into the echoed message
	hasPassingError       // the last one is temporary
	hasFinalError         // an earlier one is permanent
	hasRefusal            // one is a refusal by the recipient's side
)

// any reports whether one of x holds.
func (h has) any(x has) bool { return h&x != 0 }

// mentionKind is how a stanza refers to another message.
type mentionKind uint8

const (
	received       mentionKind = iota // XEP-0184
	markedReceived                    // XEP-0333 before 0.5
	displayed                         // XEP-0333, and its old <acknowledged/>
	repliedTo                         // XEP-0461
	reactedTo                         // XEP-0444
)

// mention is an id of another message.
type mention struct {
	mentionKind
	id []byte
	to []byte // repliedTo: the author of the other message
}

// delay is a <delay/> in the message (XEP-0203), or its forerunner (XEP-0091).
type delay struct{ from, stamp []byte }

// otherID is an additional id of the stanza (XEP-0359); by is "" for an origin-id.
type otherID struct{ by, id []byte }

// part is a range of the body, in code points (XEP-0428 §3.1).
type part struct{ start, end int }

// fields is the content of a frame. Its bytes are valid as long as the frame.
type fields struct {
	isMessage bool // the outer stanza
	outerFrom []byte
	outerType []byte
	batch     batch // in place of a forwarded stanza
	owner     *Tap  // handles the events one by one; nil: they are ignored
	stanza
}

// stanza is what a frame, or an event in it, says about one stanza.
type stanza struct {
	forwards int
	hasTap   bool
	event    []byte
	session  []byte
	stamp    []byte // of the <delay/> next to the forwarded stanza

	kind                    stanzaKind
	stanzas                 int
	from, to, id, typ, lang []byte

	has
	body      []byte
	bodyLang  []byte
	toldBody  bodyKind // reported by a tap that withholds the text
	fallbacks []part   // parts of the body that quote another message (XEP-0461)
	mentions  []mention
	delays    []delay
	ids       []otherID
	corrects  []byte // the id of the corrected message
	retracts  []byte // the id of the retracted message
	fastens   []byte // the id of the message that something is fastened to
	hint      track.Hint
	urgency   []byte    // XEP-0131
	caps      [3][]byte // XEP-0115: node, ver, hash

	child child
	want  want
	dull  bool // irrelevant: the rest need not be read
}

// child is the child of the forwarded stanza that the reader is in, if its own children matter.
type child uint8

const (
	anyChild child = iota
	errorChild
	omemoChild
	fastenedChild
	fallbackChild
	retractChild
	shimChild
)

// want is the element whose text is wanted.
type want uint8

const (
	noText want = iota
	bodyText
	urgencyText
)

func (f *fields) reset() {
	f.isMessage, f.outerFrom, f.outerType, f.batch = false, nil, nil, batch{}
	f.stanza.reset()
}

func (s *stanza) reset() {
	*s = stanza{mentions: s.mentions[:0], delays: s.delays[:0], ids: s.ids[:0], fallbacks: s.fallbacks[:0]}
}

// start handles the start of an element; depth is 0 for the outer stanza.
func (f *fields) start(depth int, s space, local []byte, attrs []attr) {
	f.want = noText
	switch depth {
	case 0:
		f.isMessage = (s == stanzas || s == noSpace) && string(local) == "message"
		f.outerFrom, f.outerType = get(attrs, "from"), get(attrs, "type")
	case 1:
		switch {
		case s == forwarding && string(local) == "forwarded":
			f.forwards++
		case s == tapping && string(local) == "tap":
			f.hasTap = true
			f.event, f.session = get(attrs, "event"), get(attrs, "session")
		case s == tapEvents && string(local) == "tap" && f.owner != nil && !f.batch.here && f.forwards == 0:
			f.owner.startBatch(attrs)
		}
	case 2:
		switch {
		case f.batch.open && s == tapEvents:
			f.startEvent(local, attrs)
		case f.forwards == 1:
			f.forwarded(s, local, attrs)
		}
	case 3:
		if f.batch.event != nil {
			if s == tapEvents {
				f.payload(local, attrs)
			}
			return
		}
		if f.forwards == 1 && f.stanzas == 1 {
			f.child = anyChild
			switch f.kind {
			case message:
				f.messageChild(s, local, attrs)
			case presence:
				if s == entityCaps && string(local) == "c" {
					f.caps = [3][]byte{get(attrs, "node"), get(attrs, "ver"), get(attrs, "hash")}
				}
			}
		}
	case 4:
		if f.child != anyChild {
			f.grandchild(s, local, attrs)
		}
	}
}

// end handles the end of an element.
func (f *fields) end(depth int) {
	f.want = noText
	switch {
	case depth == 3:
		f.child = anyChild
	case depth == 2 && f.batch.event != nil:
		f.owner.endEvent()
		f.batch.event = nil
	case depth == 1:
		f.batch.open = false
	}
}

// forwarded handles a child of <forwarded/>.
func (f *fields) forwarded(s space, local []byte, attrs []attr) {
	if s == delays && string(local) == "delay" {
		if f.stamp == nil {
			f.stamp = get(attrs, "stamp")
		}
		return
	}
	f.stanzas++
	if f.stanzas > 1 {
		return
	}
	for i := range attrs {
		a := &attrs[i]
		switch {
		case a.space == xmlSpace && string(a.local) == "lang":
			f.lang = a.value
		case a.space != noSpace:
		case string(a.local) == "from":
			f.from = a.value
		case string(a.local) == "to":
			f.to = a.value
		case string(a.local) == "id":
			f.id = a.value
		case string(a.local) == "type":
			f.typ = a.value
		}
	}
	switch {
	case s != stanzas && s != noSpace:
	case string(local) == "message":
		f.kind = message
	case string(local) == "presence":
		f.kind = presence
	}
	f.dull = f.kind == noStanza || f.kind == message && (string(f.typ) == "groupchat" || string(f.typ) == "headline") ||
		f.kind == presence && !f.isBroadcast()
}

// isBroadcast reports whether a presence is a resource's broadcast. ejabberd copies everything else, too: directed
// presence, reflections, subscriptions.
func (f *fields) isBroadcast() bool {
	return (len(f.typ) == 0 || string(f.typ) == "unavailable") && (len(f.to) == 0 || string(f.to) == string(bareOf(f.from)))
}

// text handles character data, which is part of the frame or a copy.
func (f *fields) text(b []byte) {
	switch f.want {
	case bodyText:
		f.body = extend(f.body, b)
	case urgencyText:
		f.urgency = extend(f.urgency, b)
	}
}

func extend(to, b []byte) []byte {
	if to == nil {
		return b
	}
	return append(to[:len(to):len(to)], b...)
}

// usable reports whether a stanza id can name a message.
func usable(id []byte) bool { return 0 < len(id) && len(id) <= maxID }

// lang returns xml:lang.
func lang(attrs []attr) []byte {
	for i := range attrs {
		if attrs[i].space == xmlSpace && string(attrs[i].local) == "lang" {
			return attrs[i].value
		}
	}
	return nil
}

// sameBare reports whether two addresses are equal except for their resources.
func sameBare(a, b []byte) bool {
	return bytes.Equal(bareOf(a), bareOf(b))
}

func bareOf(address []byte) []byte {
	if i := bytes.IndexByte(address, '/'); i >= 0 {
		return address[:i]
	}
	return address
}

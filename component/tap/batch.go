package tap

import (
	"strconv"
	"strings"

	"tocsin/track"
)

// EventsNS is the namespace of events (docs/PROTOCOL.md §10).
const EventsNS = "urn:tocsin:tap:1"

// batch is the reader's state for a batch of events and the current event. What an event reports about a message goes into
// the fields of a copy.
type batch struct {
	here    bool // the frame is a batch
	open    bool // the reader is inside it
	foreign bool // it is not from a vhost of ours
	run     []byte
	number  uint64
	lost    uint64
	age     int64 // milliseconds

	event []byte // the element's name; nil between events
	since int64  // milliseconds after the batch's first event
	attrs eventAttrs
	known known
}

// known is what only the server knows about a message.
type known struct {
	Standing track.Standing
	Sessions track.Sessions
}

// eventAttrs are the attributes of an event that is not about a message, by their names.
type eventAttrs struct {
	session, key, before, why, how              []byte
	resumable, managed, hibernating, isPresence bool
	node, ver, hash                             []byte
	owner, contact, with, id, by                []byte
	module, server, hosts, tells, run           []byte
}

// begin handles the start of <tap/>.
func (b *batch) begin(attrs []attr) {
	b.here, b.open = true, true
	b.run = get(attrs, "run")
	b.number, b.lost = count(get(attrs, "n")), count(get(attrs, "lost"))
	b.age = milliseconds(get(attrs, "age"))
}

// count parses plain digits; 0 means missing or invalid.
func count(v []byte) uint64 {
	if len(v) > 18 {
		return 0
	}
	var n uint64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// maxAge limits the reported age of an event: none is kept for longer.
const maxAge = 30 * 24 * 3600 * 1000

func milliseconds(v []byte) int64 { return int64(min(count(v), maxAge)) }

// startEvent handles the start of an event, a child of <tap/>.
func (f *fields) startEvent(local []byte, attrs []attr) {
	f.stanza.reset()
	b := &f.batch
	b.event, b.since, b.attrs, b.known = local, 0, eventAttrs{}, known{}
	a, s := &b.attrs, &b.known.Sessions
	f.typ = chatType
	for i := range attrs {
		v := attrs[i].value
		if attrs[i].space != noSpace {
			continue
		}
		switch string(attrs[i].local) {
		case "d":
			b.since = milliseconds(v)
		case "f":
			f.from = v
		case "t":
			f.to = v
		case "i":
			f.id = v
		case "y":
			f.typ = v
		case "l":
			f.lang = v
		case "ro":
			b.known.Standing = standingOf(v)
		case "ss":
			s.Known, s.All = true, few(v)
		case "sm":
			s.Managed, a.managed = few(v), isOne(v)
		case "hib":
			s.Hibernating, a.hibernating = few(v), isOne(v)
		case "s":
			a.session = v
		case "k":
			a.key = v
		case "o":
			a.before, a.owner = v, v
		case "r":
			a.resumable = isOne(v)
		case "p":
			a.isPresence = isOne(v)
		case "why":
			a.why = v
		case "how":
			a.how = v
		case "node":
			a.node = v
		case "ver":
			a.ver = v
		case "hash":
			a.hash = v
		case "j":
			a.contact = v
		case "with":
			a.with = v
		case "id":
			a.id = v
		case "by":
			a.by = v
		case "module":
			a.module = v
		case "server":
			a.server = v
		case "hosts":
			a.hosts = v
		case "tells":
			a.tells = v
		case "run":
			a.run = v
		}
	}
}

var chatType = []byte("chat")

func isOne(v []byte) bool { return string(v) == "1" }

// few parses a number, capped at 255.
func few(v []byte) uint8 { return uint8(min(count(v), 255)) }

func standingOf(v []byte) track.Standing {
	switch string(v) {
	case "none":
		return track.StandingNone
	case "to":
		return track.StandingTo
	case "from":
		return track.StandingFrom
	case "both":
		return track.StandingBoth
	}
	return track.StandingUnknown
}

// toldBodies are the kinds of a body whose text is withheld, by their names on the wire.
var toldBodies = map[string]bodyKind{"text": textBody, "blank": blankBody, "otr": otrBody, "otr-auto": otrAutoBody}

var (
	reaction    = []byte("reaction")
	bodyName    = []byte("body")
	payloadName = []byte("payload")
)

// payload handles a child of an event as the message element it stands for, so that messages are classified in one
// place.
func (f *fields) payload(local []byte, attrs []attr) {
	element := func(s space, name string) {
		f.child = anyChild
		f.messageChild(s, []byte(name), attrs)
	}
	f.want = noText
	switch string(local) {
	case "body":
		first := !f.any(hasBody)
		element(stanzas, "body")
		if is := get(attrs, "is"); is != nil && first {
			f.want, f.toldBody = noText, toldBodies[string(is)]
		}
	case "rq":
		element(receiptsSpace, "request")
	case "rc":
		element(receiptsSpace, "received")
	case "mk":
		element(markersSpace, "markable")
	case "mr":
		element(markersSpace, "received")
	case "md":
		element(markersSpace, "displayed")
	case "ma":
		element(markersSpace, "acknowledged")
	case "su":
		element(stanzas, "subject")
	case "re":
		element(replies, "reply")
	case "rx":
		element(reactions, "reactions")
		if string(get(attrs, "n")) != "0" {
			f.grandchild(reactions, reaction, nil)
		}
	case "cr":
		element(corrections, "replace")
	case "rt":
		element(retraction, "retract")
	case "fb":
		element(fallbacks, "fallback")
		if get(attrs, "start") != nil || get(attrs, "end") != nil {
			f.grandchild(fallbacks, bodyName, attrs)
		}
	case "om", "om2":
		s := omemo
		if len(local) > 2 {
			s = omemo2
		}
		element(s, "encrypted")
		if isOne(get(attrs, "payload")) {
			f.grandchild(s, payloadName, nil)
		}
	case "ox":
		element(openPGP, "openpgp")
	case "pg":
		element(legacyPGP, "x")
	case "em":
		element(encryptionNames, "encryption")
	case "oi":
		element(stanzaIDs, "origin-id")
	case "si":
		element(stanzaIDs, "stanza-id")
	case "dl":
		element(delays, "delay")
	case "ns":
		element(hintsSpace, "no-store")
	case "tr":
		element(tracking, "track")
	case "ur":
		f.urgency = get(attrs, "v")
	case "fw":
		element(forwarding, "forwarded")
	case "er":
		element(stanzas, "error")
		f.grandchild(errorConditions, get(attrs, "c"), nil)
	case "jm":
		element(jingleMessages, string(get(attrs, "n")))
	default: // "x", and unknown ones
		element(otherSpace, "x")
	}
	f.child = anyChild
}

// startBatch handles the <tap/> of a batch of events. The rest of the frame is read only if it comes from a vhost.
func (t *Tap) startBatch(attrs []attr) {
	f := &t.fields
	f.batch.begin(attrs)
	if f.batch.foreign = !t.fromVhost(f.outerFrom) || !f.isMessage || string(f.outerType) == "error"; f.batch.foreign {
		f.dull = true
		return
	}
	t.out.Batch = Batch{Run: t.known(f.batch.run), N: f.batch.number, Lost: f.batch.lost, Host: t.known(f.outerFrom), Sent: track.Time(count(get(attrs, "t")))}
}

// endEvent adds the facts of the current event.
func (t *Tap) endEvent() {
	f := &t.fields
	b := &f.batch
	at := t.Clocks.inOrder(f.outerFrom, t.now-track.Time(max(b.age-b.since, 0)))
	r := report{Tap: t, f: f, out: t.out, now: t.now, at: at, first: len(t.out.Facts)}
	verdict := Dropped
	if r.event = batchEvents[string(b.event)]; r.event != noEvent {
		f.kind = message
		if r.event == eventBounce {
			f.typ = errorType
		}
		if typ := string(f.typ); typ == "chat" || typ == "normal" || typ == "error" {
			verdict = r.message()
		}
	} else {
		r.others()
	}
	t.out.Counts[verdict]++
}

var batchEvents = map[string]event{
	"out": eventOut, "in": eventIn, "handed": eventHanded, "acked": eventAcked, "unacked": eventUnacked, "offline": eventOffline,
	"bounce": eventBounce, "dropped": eventDropped, "stanza-id": eventNamed,
}

var errorType = []byte("error")

// others handles events that are not about a message.
func (r *report) others() {
	b := &r.f.batch
	a := &b.attrs
	switch string(b.event) {
	case "opened":
		r.session(SessionOpened)
	case "managed":
		r.session(SessionManaged)
	case "hibernating":
		r.session(SessionHibernating)
	case "resumed":
		r.session(SessionResumed)
	case "closed":
		r.session(SessionClosed)
	case "presence":
		r.session(SessionPresence)
	case "here":
		r.session(SessionHere)
	case "roster":
		owner, contact := r.address(a.owner), r.address(a.contact)
		if b.known.Standing != track.StandingUnknown && owner != nil && contact != nil && owner.local && owner.user && contact.local && contact.user {
			r.add(track.RosterChanged, contact, owner, "", "").Standing = b.known.Standing
		}
	case "removed":
		if gone := r.address(a.contact); gone != nil && gone.local && gone.user {
			r.out.Removed = append(r.out.Removed, gone.bare)
		}
	case "mds":
		owner, with := r.address(a.owner), r.address(a.with)
		if owner != nil && with != nil && owner.local && owner.user && with.user && usable(a.id) {
			r.out.Displays = append(r.out.Displays, Display{owner.bare, with.bare, string(a.id), r.known(a.by)})
		}
	case "hello":
		r.out.Hello = &Hello{Module: displayable(a.module), Server: displayable(a.server), Hosts: strings.Fields(displayable(a.hosts)), Node: displayable(a.node), Reports: reportsOf(displayable(a.tells))}
	case "bye":
		r.out.Bye = true
	case "ended":
		if len(a.run) > 0 {
			r.out.Ended = append(r.out.Ended, r.known(a.run))
		}
	}
}

// displayable returns what a server says about itself, short enough to display.
func displayable(b []byte) string {
	const limit = 4096
	if len(b) > limit {
		b = b[:limit]
	}
	return strings.ToValidUTF8(string(b), "")
}

var reportNames = map[string]Reports{
	"handed": ReportsHanded, "acked": ReportsAcks, "unacked": ReportsUnacked, "offline": ReportsOffline, "bounce": ReportsBounces,
	"dropped": ReportsDropped, "session": ReportsSessions, "roster": ReportsRosters, "removed": ReportsRemovals,
}

func reportsOf(list string) (all Reports) {
	for word := range strings.FieldsSeq(list) {
		all |= reportNames[word]
	}
	return all
}

// session handles an event about a local user's session.
func (r *report) session(kind SessionKind) {
	a := &r.f.batch.attrs
	who := r.address(a.session)
	if who == nil || !who.local || !who.user || who.resource == "" || len(a.key) == 0 || len(a.key) > 64 {
		return
	}
	s := Session{
		Kind: kind, JID: who.full, Key: r.known(a.key), At: r.at, Resumable: a.resumable,
		Managed: kind == SessionManaged || a.managed, Hibernating: kind == SessionHibernating || a.hibernating,
	}
	switch kind {
	case SessionResumed:
		if len(a.before) <= 64 {
			s.Before = r.known(a.before)
		}
	case SessionClosed:
		s.End = endOf(a.why)
	case SessionPresence:
		s.Available = string(r.f.typ) != "unavailable"
	case SessionHere:
		s.Available = a.isPresence
	}
	if s.Available {
		s.Caps = Caps{r.known(a.node), r.known(a.ver), r.known(a.hash)}
	}
	r.out.Sessions = append(r.out.Sessions, s)
}

func endOf(why []byte) SessionEnd {
	switch string(why) {
	case "left":
		return EndLeft
	case "lost":
		return EndLost
	case "timeout":
		return EndTimeout
	case "replaced":
		return EndReplaced
	case "kicked":
		return EndKicked
	case "moved":
		return EndMoved
	}
	return EndUnknown
}

// String identifies the batch in logs: its run and number.
func (b Batch) String() string { return b.Run + "/" + strconv.FormatUint(b.N, 10) }

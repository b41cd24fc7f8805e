package tap

import (
	"time"

	"tocsin/track"
)

// report is the copy being classified.
type report struct {
	*Tap
	f   *fields
	out *Sighting
	now track.Time

	event    event
	from, to *party
	at       track.Time
	first    int // of its facts, among those of a batch
}

// event is our own module's label of a copy; other modules' copies have none.
type event uint8

const (
	noEvent      event = iota
	eventOut           // a local session sent it
	eventIn            // it came from elsewhere
	eventOffline       // the server stores it
	eventAcked         // a session of the recipient acknowledged it (XEP-0198)
	eventBounce        // the server's own error
	eventPresence
	eventHanded  // it was written to a session without acknowledgements
	eventUnacked // a session ended without acknowledging it
	eventDropped // the server silently discarded it
	eventNamed   // the recipient's archive has given it an id
)

var events = map[string]event{
	"out": eventOut, "in": eventIn, "offline": eventOffline, "acked": eventAcked, "bounce": eventBounce, "presence": eventPresence,
}

// message classifies a copy of a message (protocol §1).
func (r *report) message() Verdict {
	f := r.f
	if len(f.from) == 0 || len(f.to) == 0 || !r.readLabel() {
		return Dropped
	}
	isError := string(f.typ) == "error"
	r.from, r.to = r.address(f.from), r.address(f.to)
	switch {
	case r.from == nil || r.to == nil:
		return Malformed
	case r.from.ours || r.to.ours, r.from.bare == r.to.bare:
		return Dropped
	case !r.from.user || !r.to.user, r.from.ignored || r.to.ignored:
		return Dropped
	}
	switch {
	case r.event == eventPresence || isError != (r.event == eventBounce) && r.event > eventIn:
		return Dropped
	case isError: // says nothing about a resource: the server may have generated it
		r.bounce()
	case r.event == eventAcked:
		r.acked()
	case r.event == eventOffline:
		r.stored()
	case r.event == eventHanded:
		r.reached(track.Handed)
	case r.event == eventUnacked:
		r.reached(track.Unacked)
	case r.event == eventDropped:
		r.reached(track.Dropped)
	case r.event == eventNamed:
		r.named()
	case r.event != eventOut && r.isReplay(): // a session is sending it now, whatever it contains
		return Dropped
	default:
		if r.to.local {
			r.evidence()
		}
		if r.from.local {
			r.sent()
		}
		if len(r.out.Facts) > r.first {
			r.active(r.from)
		}
	}
	return verdictOf(r.out.Facts[r.first:])
}

// active records that a resource is online, if it is a local one, once per frame.
func (r *report) active(a *party) {
	if a.local && a.resource != "" && a.active != r.frame {
		a.active = r.frame
		r.out.Seen = append(r.out.Seen, Resource{JID: a.full, Kind: Active})
	}
}

// readLabel reads our module's label of the copy. It reports false for an unknown one.
func (r *report) readLabel() bool {
	if r.f.batch.here {
		return true
	}
	r.at = r.now
	if !r.f.hasTap {
		return true
	}
	r.event = events[string(r.f.event)]
	if stamp, ok := stampOf(r.f.stamp); ok {
		r.at = r.Clocks.at(r.f.outerFrom, stamp, r.now)
	}
	return r.event != noEvent
}

func verdictOf(facts []track.Fact) Verdict {
	if len(facts) == 0 {
		return Dropped
	}
	for i := range facts {
		if k := facts[i].Kind; k == track.Sent || k == track.Corrected {
			return Message
		}
	}
	return Evidence
}

// add adds a fact about a message that sender wrote to recipient.
func (r *report) add(kind track.FactKind, sender, recipient *party, id string, basis track.Basis) *track.Fact {
	r.out.Facts = append(r.out.Facts, track.Fact{
		Kind:  kind,
		Key:   track.Key{Sender: sender.bare, Recipient: recipient.bare, ID: id},
		At:    r.at,
		Basis: basis,
	})
	return &r.out.Facts[len(r.out.Facts)-1]
}

// evidence adds what the stanza proves about messages written by its addressee.
func (r *report) evidence() {
	sender, recipient := r.to, r.from
	for _, kind := range [...]mentionKind{received, markedReceived, displayed, repliedTo, reactedTo} {
		for i := range r.f.mentions {
			m := &r.f.mentions[i]
			if m.mentionKind != kind {
				continue
			}
			switch {
			case kind == received:
				r.add(track.Received, sender, recipient, string(m.id), track.ByReceipt)
			case kind == markedReceived:
				r.add(track.Received, sender, recipient, string(m.id), track.ByMarker)
			case kind == displayed:
				r.add(track.Read, sender, recipient, string(m.id), track.ByMarker)
			case !r.config.ReplyReads:
			case kind == reactedTo:
				r.add(track.Read, sender, recipient, string(m.id), track.ByReaction)
			case r.isTo(m.to, sender):
				r.add(track.Read, sender, recipient, string(m.id), track.ByReply)
			}
		}
	}
	if r.config.ReplyReads && r.isReply() {
		r.add(track.Replied, sender, recipient, "", track.ByReply).WrittenAt = r.written()
	}
}

// isTo reports whether the message replied to is from sender (XEP-0461 §3.1).
func (r *report) isTo(to []byte, sender *party) bool {
	if len(to) == 0 {
		return true
	}
	a := r.address(to)
	return a != nil && a.bare == sender.bare
}

// isReply reports whether a person has just written the stanza, in the conversation. An SCE envelope may contain a
// receipt. Another copy may arrive after something the addressee wrote later.
func (r *report) isReply() bool {
	f := r.f
	return string(f.typ) == "chat" && f.isWritten() && len(f.corrects) == 0 && len(f.retracts) == 0 && !f.any(hasReaction) &&
		(f.any(hasBody) || !f.any(hasSealed)) && !(usable(f.id) && r.recent.isCopy(r.from.bare, r.to.bare, f.id, r.now))
}

// isReplay reports whether the stanza was reported before: replays carry a delay of the server or the addressee's own
// address. Any other delay does not count: a gateway stamps new messages with the time at which the other network got
// them.
func (r *report) isReplay() bool {
	for i := range r.f.delays {
		from := r.f.delays[i].from
		if len(from) > 0 && (sameBare(from, r.f.to) || r.fromVhost(from)) {
			return true
		}
	}
	return false
}

// foreignSkew is the tolerated difference between the clocks of servers and gateways.
const foreignSkew = time.Minute

// written returns when the stanza was written, if its author's client (which was offline), a gateway or another server marked
// it as delayed. It cannot concern anything sent after that. 0 means now.
func (r *report) written() (at track.Time) {
	for i := range r.f.delays {
		stamp, ok := stampOf(r.f.delays[i].stamp)
		if ok && stamp.Add(foreignSkew) < r.at && (at == 0 || stamp.Add(foreignSkew) < at) {
			at = stamp.Add(foreignSkew)
		}
	}
	return at
}

// stampOf reads the time of a delay (XEP-0203, XEP-0082), or of its forerunner (XEP-0091).
func stampOf(b []byte) (track.Time, bool) {
	var t time.Time
	if t.UnmarshalText(b) == nil {
		return track.At(t), true
	}
	t, err := time.Parse("20060102T15:04:05", string(b))
	return track.At(t), err == nil
}

// sent adds the facts about messages written by the stanza's author.
func (r *report) sent() {
	f := r.f
	if usable(f.retracts) {
		r.add(track.Retracted, r.from, r.to, string(f.retracts), "")
	}
	if !usable(f.id) || !f.isContent() {
		return
	}
	id := string(f.id)
	if usable(f.corrects) && string(f.corrects) != id {
		fact := r.add(track.Corrected, r.from, r.to, id, "")
		fact.Original = string(f.corrects)
		r.content(fact)
		return
	}
	fact := r.add(track.Sent, r.from, r.to, id, "")
	fact.Once = r.event == eventOut
	fact.Standing, fact.Sessions = f.batch.known.Standing, f.batch.known.Sessions
	if !f.isWritten() || len(f.retracts) > 0 || f.any(hasReaction|hasForwarded) {
		fact.Passed = true
		return
	}
	r.content(fact)
	r.out.VoidHint = r.out.VoidHint || f.any(hasVoidHint)
	switch {
	case f.any(hasHint):
		fact.Hint = f.hint
	default: // XEP-0131 §5.6
		fact.Hint.Priority = urgencies[string(f.urgency)]
	}
}

// content fills in the content of a message or correction.
func (r *report) content(fact *track.Fact) {
	f := r.f
	fact.Resource = r.from.resource
	for i := range f.ids {
		id := &f.ids[i]
		switch {
		case len(id.by) == 0 && string(id.id) != fact.ID && string(id.id) != fact.Original:
			fact.OriginID = string(id.id)
		case len(id.by) > 0 && string(id.by) == r.to.bare && r.to.local:
			fact.ArchiveID = string(id.id)
		}
	}
	fact.Lang = r.lang()
	for _, m := range [...]struct {
		has
		track.Marks
	}{
		{hasRequest, track.AsksReceipt}, {hasMarkable, track.Markable}, {hasSealed, track.Sealed}, {hasNoStore, track.NoStore},
	} {
		if f.any(m.has) {
			fact.Marks |= m.Marks
		}
	}
	if f.isEncrypted() {
		fact.Marks |= track.Encrypted
	} else if r.config.KeepText && !f.any(hasNoStore) && f.toldBody == noBody {
		fact.Text = string(cut(f.ownWords(), r.config.TextLimit))
	}
}

func (r *report) lang() string {
	l := r.f.bodyLang
	if len(l) == 0 {
		l = r.f.lang
	}
	if len(l) > 35 { // RFC 5646 §4.4.1
		return ""
	}
	return r.known(l)
}

// acked handles a message that a session of its recipient has acknowledged (XEP-0198).
func (r *report) acked() {
	if len(r.f.session) > 0 {
		session := r.address(r.f.session)
		if session == nil || session.bare != r.to.bare {
			return
		}
		r.active(session)
	}
	if r.isMessage() {
		r.add(track.Received, r.from, r.to, string(r.f.id), track.ByAck).Resource = r.to.resource
	}
}

// reached handles the outcome of a message's delivery to a session of the recipient, or to none.
func (r *report) reached(kind track.FactKind) {
	if r.isMessage() {
		r.add(kind, r.from, r.to, string(r.f.id), "").Resource = r.to.resource
	}
}

// isMessage reports whether this is about a local user's message written by a person. Batches have no events about others.
func (r *report) isMessage() bool {
	return r.from.local && usable(r.f.id) && (r.f.batch.here || r.f.isWritten())
}

// named handles the id that a message has in its recipient's archive.
func (r *report) named() {
	if id := r.f.batch.attrs.id; r.isMessage() && r.to.local && usable(id) {
		r.add(track.Named, r.from, r.to, string(r.f.id), "").ArchiveID = string(id)
	}
}

// stored handles a message that the server stores.
func (r *report) stored() {
	if r.isMessage() {
		r.add(track.Stored, r.from, r.to, string(r.f.id), "").Archived = string(r.f.batch.attrs.how) == "archive"
	}
}

// bounce handles an error from the recipient's side to the sender, with the id of the message. Whether it was a message is
// decided by the stored rows, not by what the error echoes. Of several errors the most severe counts: the author of the
// message may have written the others.
func (r *report) bounce() {
	f := r.f
	if !r.to.local || !usable(f.id) {
		return
	}
	if f.any(hasPassingError) && !f.any(hasFinalError) {
		r.add(track.Deferred, r.to, r.from, string(f.id), track.ByError)
	} else {
		r.add(track.Bounced, r.to, r.from, string(f.id), track.ByError).Refusal = f.any(hasRefusal)
	}
}

// presence handles a broadcast of a local user's resource.
func (r *report) presence() Verdict {
	f := r.f
	if !r.readLabel() || r.event != noEvent && r.event != eventPresence {
		return Dropped
	}
	from := r.address(f.from)
	switch {
	case from == nil:
		return Malformed
	case !from.local || !from.user || from.resource == "":
		return Dropped
	}
	kind := Available
	if len(f.typ) > 0 {
		kind = Unavailable
	}
	r.out.Seen = append(r.out.Seen, Resource{JID: from.full, Kind: kind, Caps: Caps{r.known(f.caps[0]), r.known(f.caps[1]), r.known(f.caps[2])}})
	return Dropped
}

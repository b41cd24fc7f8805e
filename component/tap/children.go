package tap

// messageChild handles a child of the forwarded message.
func (f *fields) messageChild(s space, local []byte, attrs []attr) {
	switch s {
	case stanzas, noSpace:
		switch string(local) {
		case "body":
			if !f.any(hasBody) {
				f.has |= hasBody
				f.want = bodyText
				f.bodyLang = lang(attrs)
			}
		case "error":
			f.child = errorChild
			if f.any(hasError) && !f.any(hasPassingError) {
				f.has |= hasFinalError
			}
			f.has = f.has&^hasPassingError | hasError
			if t := get(attrs, "type"); string(t) == "wait" || string(t) == "continue" {
				f.has |= hasPassingError
			}
		case "subject":
			f.has |= hasContent
		}
	case receiptsSpace:
		switch string(local) {
		case "request":
			f.has |= hasRequest
		case "received":
			f.mention(received, attrs)
		}
	case markersSpace:
		switch string(local) {
		case "markable":
			f.has |= hasMarkable | hasContent
		case "received":
			f.mention(markedReceived, attrs)
		case "displayed", "acknowledged":
			f.mention(displayed, attrs)
		}
	case replies:
		if string(local) == "reply" {
			f.mention(repliedTo, attrs)
		}
	case reactions:
		if string(local) == "reactions" {
			f.has |= hasReaction | hasContent
			f.mention(reactedTo, attrs)
		}
	case hintsSpace:
		if string(local) == "no-store" {
			f.has |= hasNoStore
		}
	case delays, legacyDelays:
		if string(local) == "delay" || string(local) == "x" {
			f.delays = bounded(f.delays, delay{get(attrs, "from"), get(attrs, "stamp")})
		}
	case stanzaIDs:
		if id, by := get(attrs, "id"), get(attrs, "by"); usable(id) {
			switch {
			case string(local) == "origin-id":
				f.ids = bounded(f.ids, otherID{id: id})
			case string(local) == "stanza-id" && len(by) > 0:
				f.ids = bounded(f.ids, otherID{by, id})
			}
		}
	case fallbacks:
		if string(local) == "fallback" && spaceOf(get(attrs, "for")) == replies {
			f.child = fallbackChild
		}
	case jingleMessages:
		if string(local) == "ringing" {
			f.has |= hasRinging
		} else {
			f.has |= hasContent
		}
	case corrections:
		if string(local) == "replace" {
			f.corrects = get(attrs, "id")
		}
	case retraction:
		if string(local) == "retract" {
			f.retracts = get(attrs, "id")
			f.child = retractChild
		}
	case fastening:
		if string(local) == "apply-to" {
			f.fastens = get(attrs, "id")
			f.child = fastenedChild
		}
	case omemo, omemo2:
		if string(local) == "encrypted" {
			f.has |= hasOMEMO
			f.child = omemoChild
			if s == omemo2 {
				f.has |= hasSealed
			}
		}
	case openPGP:
		f.has |= hasCiphertext | hasContent | hasSealed
	case legacyPGP:
		f.has |= hasCiphertext | hasContent
	case encryptionNames:
		f.has |= hasEncryptionName
		if n := spaceOf(get(attrs, "namespace")); n == omemo2 || n == openPGP {
			f.has |= hasSealed
		}
	case carbonCopies:
		f.dull = f.dull || string(local) == "sent" || string(local) == "received"
	case archive:
		f.dull = f.dull || string(local) == "result" || string(local) == "fin"
	case pubsub, mucUser:
		f.dull = true
	case forwarding:
		f.has |= hasForwarded
	case shim:
		if string(local) == "headers" {
			f.child = shimChild
		}
	case tracking:
		if string(local) == "track" {
			f.track(attrs)
		}
	case chatStates, entityCaps, retraction0, errorConditions, tapping:
	default:
		f.has |= hasContent
	}
}

// grandchild handles a grandchild of the forwarded message.
func (f *fields) grandchild(s space, local []byte, attrs []attr) {
	switch f.child {
	case errorChild:
		if s == blockingErrors { // XEP-0191
			f.has |= hasRefusal
		}
		if s != errorConditions {
			return
		}
		switch string(local) {
		case "remote-server-timeout", "resource-constraint":
			f.has |= hasPassingError
		case "forbidden", "not-acceptable", "not-allowed", "service-unavailable": // XEP-0191 §3.3 prescribes the last
			f.has |= hasRefusal
		}
	case omemoChild:
		if string(local) == "payload" {
			f.has |= hasPayload
		}
	case fallbackChild:
		if string(local) == "body" {
			f.fallback(attrs)
		}
	case fastenedChild:
		if s == retraction0 && string(local) == "retract" {
			f.retracts = f.fastens
		}
	case retractChild:
		if string(local) == "moderated" { // XEP-0425: by a room, never between two people
			f.retracts = nil
		}
	case shimChild:
		if s == shim && string(local) == "header" && string(get(attrs, "name")) == "Urgency" {
			f.want = urgencyText
		}
	}
}

// mention records the id of another message.
func (f *fields) mention(k mentionKind, attrs []attr) {
	if k <= displayed {
		f.has |= hasProof
	}
	if id := get(attrs, "id"); usable(id) && len(f.mentions) < maxMentions {
		f.mentions = append(f.mentions, mention{k, id, get(attrs, "to")})
	}
}

// fallback records a part of the body that quotes another message. One without an end, or in another element, is
// ignored.
func (f *fields) fallback(attrs []attr) {
	start, ok1 := position(get(attrs, "start"))
	end, ok2 := position(get(attrs, "end"))
	if ok1 && ok2 && start < end {
		f.fallbacks = bounded(f.fallbacks, part{start, end})
	}
}

// bounded appends to a list, replacing the last entry when it is full: a server's additions come after what its users
// wrote.
func bounded[T any](list []T, v T) []T {
	if len(list) == maxOthers {
		list = list[:maxOthers-1]
	}
	return append(list, v)
}

// track reads the sender's hint (protocol §3).
func (f *fields) track(attrs []attr) {
	if f.any(hasHint | hasVoidHint) {
		f.has = f.has&^hasHint | hasVoidHint
		return
	}
	var ok bool
	if f.hint, ok = hint(attrs); ok {
		f.has |= hasHint
	} else {
		f.has |= hasVoidHint
	}
}

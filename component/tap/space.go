package tap

import (
	"tocsin/xep/escalation"
	"tocsin/xep/hints"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

// ns is the namespace of the <tap/> that earlier versions of our Prosody module put next to <forwarded/>.
const ns = "urn:tocsin:tap:0"

// space is a known namespace.
type space uint8

const (
	noSpace space = iota // "", which stands for the stream's own
	otherSpace
	xmlSpace
	stanzas
	errorConditions
	blockingErrors
	forwarding
	tapping
	tapEvents
	delays
	legacyDelays
	carbonCopies
	archive
	mucUser
	pubsub
	receiptsSpace
	markersSpace
	hintsSpace
	chatStates
	stanzaIDs
	fallbacks
	replies
	reactions
	jingleMessages
	corrections
	retraction
	retraction0
	fastening
	omemo
	omemo2
	openPGP
	legacyPGP
	encryptionNames
	shim
	entityCaps
	tracking
)

// spaceOf returns the namespace with a URI.
func spaceOf(uri []byte) space {
	switch string(uri) {
	case "":
		return noSpace
	case "http://www.w3.org/XML/1998/namespace":
		return xmlSpace
	case "jabber:client", "jabber:server", "jabber:component:accept":
		return stanzas
	case "urn:ietf:params:xml:ns:xmpp-stanzas":
		return errorConditions
	case "urn:xmpp:blocking:errors": // XEP-0191
		return blockingErrors
	case "urn:xmpp:forward:0": // XEP-0297
		return forwarding
	case ns:
		return tapping
	case EventsNS:
		return tapEvents
	case "urn:xmpp:delay": // XEP-0203
		return delays
	case "jabber:x:delay": // XEP-0091
		return legacyDelays
	case "urn:xmpp:carbons:2", "urn:xmpp:carbons:1": // XEP-0280
		return carbonCopies
	case "urn:xmpp:mam:2", "urn:xmpp:mam:1", "urn:xmpp:mam:0", "urn:xmpp:mam:tmp": // XEP-0313
		return archive
	case "http://jabber.org/protocol/muc#user": // XEP-0045
		return mucUser
	case "http://jabber.org/protocol/pubsub#event": // XEP-0060
		return pubsub
	case receipts.NS:
		return receiptsSpace
	case markers.NS:
		return markersSpace
	case hints.NS:
		return hintsSpace
	case "http://jabber.org/protocol/chatstates": // XEP-0085
		return chatStates
	case "urn:xmpp:sid:0": // XEP-0359
		return stanzaIDs
	case "urn:xmpp:fallback:0": // XEP-0428
		return fallbacks
	case "urn:xmpp:reply:0": // XEP-0461
		return replies
	case "urn:xmpp:reactions:0": // XEP-0444
		return reactions
	case "urn:xmpp:jingle-message:0": // XEP-0353
		return jingleMessages
	case "urn:xmpp:message-correct:0": // XEP-0308
		return corrections
	case "urn:xmpp:message-retract:1": // XEP-0424
		return retraction
	case "urn:xmpp:message-retract:0":
		return retraction0
	case "urn:xmpp:fasten:0": // XEP-0422
		return fastening
	case "eu.siacs.conversations.axolotl": // XEP-0384 before 0.4
		return omemo
	case "urn:xmpp:omemo:2", "urn:xmpp:omemo:1": // XEP-0384
		return omemo2
	case "urn:xmpp:openpgp:0": // XEP-0373
		return openPGP
	case "jabber:x:encrypted": // XEP-0027
		return legacyPGP
	case "urn:xmpp:eme:0": // XEP-0380
		return encryptionNames
	case "http://jabber.org/protocol/shim": // XEP-0131
		return shim
	case "http://jabber.org/protocol/caps": // XEP-0115
		return entityCaps
	case escalation.NS:
		return tracking
	}
	return otherSpace
}

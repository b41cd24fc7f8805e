package fakeserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shape is the kind of tap that reports messages to the component (docs/PROTOCOL.md, §1).
type Shape string

const (
	Module   Shape = "module"   // Prosody with our module: one copy, labelled with its event
	Firewall Shape = "firewall" // Prosody with mod_firewall: one copy of each message sent
	Events   Shape = "events"   // our module on either server, in its current form: events, with what only the server knows
	Ejabberd Shape = "ejabberd" // mod_service_log: copies of everything, at the sender's side and at each receiver's
)

// Events of a tap. Which of them a shape reports is decided by copies.
const (
	eventOut      = "out"      // sent by a local client
	eventIn       = "in"       // received from another server
	eventOffline  = "offline"  // stored offline by the server
	eventAcked    = "acked"    // acknowledged by the recipient's client (stream management)
	eventBounce   = "bounce"   // an error from the server itself
	eventArchived = "archived" // stored only in the archive
	eventHanded   = "handed"   // written to a session without stream management
	eventUnacked  = "unacked"  // its session ended without acknowledging it
	eventDropped  = "dropped"  // silently dropped by the server
	eventReplay   = "replay"   // delivered from offline storage when the recipient's client came back
	eventPresence = "presence"
)

// copies returns the tap's copies of a stanza. inner is its XML, with jabber:client declared; there reports whether the
// recipient is online.
func (s Shape) copies(event, from, to, inner string, now time.Time, there bool) []string {
	bare := func(xml string) string {
		vhost := domainOf(from)
		if !local(from) || event == eventReplay || event == eventBounce {
			vhost = domainOf(to)
		}
		return fmt.Sprintf("<message from='%s' to='%s'%%s><forwarded xmlns='urn:xmpp:forward:0'>%s</forwarded></message>", vhost, component, xml)
	}
	switch s {
	case Module:
		if !slices.Contains([]string{eventOut, eventIn, eventOffline, eventAcked, eventBounce, eventPresence}, event) {
			return nil
		}
		vhost := domainOf(from)
		if !local(from) || event == eventOffline || event == eventAcked || event == eventBounce {
			vhost = domainOf(to)
		}
		return []string{fmt.Sprintf("<message from='%s' to='%s' type='normal'><tap xmlns='urn:tocsin:tap:0' event='%s'/>"+
			"<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='%s'/>%s</forwarded></message>",
			vhost, component, event, stamp(now), inner)}
	case Firewall:
		if (event == eventOut || event == eventIn) && !strings.Contains(inner, " type='error'") {
			return []string{fmt.Sprintf(bare(inner), "")}
		}
	case Ejabberd:
		switch event {
		case eventOut, eventIn:
			copies := []string{fmt.Sprintf(bare(inner), " id='1'")}
			if event == eventOut && local(to) && there {
				copies = append(copies, strings.Replace(fmt.Sprintf(bare(inner), " id='2'"), "from='"+domainOf(from)+"'", "from='"+domainOf(to)+"'", 1))
			}
			return copies
		case eventBounce:
			return []string{fmt.Sprintf(bare(inner), " id='3'")}
		case eventReplay:
			delay := fmt.Sprintf("<delay xmlns='urn:xmpp:delay' from='%s' stamp='%s'>Offline storage</delay></message>", domainOf(to), stamp(now))
			return []string{fmt.Sprintf(bare(strings.TrimSuffix(inner, "</message>")+delay), " id='4'")}
		case eventPresence:
			return []string{fmt.Sprintf(bare(inner), " id='5'")}
		}
	}
	return nil
}

// knownWords are for what only the server knows about a message: the sender's standing in the recipient's roster, and the
// recipient's sessions.
var knownWords = []string{"ro", "ss", "sm", "hib"}

// known returns the words that are known words.
func known(words []string) (list []string) {
	for _, word := range words {
		if name, _, found := strings.Cut(word, "="); found && slices.Contains(knownWords, name) {
			list = append(list, word)
		}
	}
	return list
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func domainOf(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	_, domain, found := strings.Cut(bare, "@")
	if !found {
		return bare
	}
	return domain
}

func bareOf(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	return bare
}

// local reports whether an address is on one of the stories' vhosts.
func local(jid string) bool {
	d := domainOf(jid)
	return d == domain || d == "second.example"
}

// address expands a name of a story: "alice" or "alice/phone"; full addresses stay as they are.
func address(name string) string {
	bare, resource, full := strings.Cut(name, "/")
	switch {
	case bare == "sms":
		bare = contact
	case bare == "tocsin":
		bare = component
	case !strings.ContainsAny(bare, "@."):
		bare += "@" + domain
	}
	if full {
		return bare + "/" + resource
	}
	return bare
}

// payloads are the words for payloads of messages; %s is replaced by what follows the equals sign.
var payloads = map[string]string{
	"request":      "<request xmlns='urn:xmpp:receipts'/>",
	"markable":     "<markable xmlns='urn:xmpp:chat-markers:0'/>",
	"receipt":      "<received xmlns='urn:xmpp:receipts' id='%s'/>",
	"displayed":    "<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>",
	"acknowledged": "<acknowledged xmlns='urn:xmpp:chat-markers:0' id='%s'/>",
	"arrived":      "<received xmlns='urn:xmpp:chat-markers:0' id='%s'/>",
	"composing":    "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
	"reply":        "<reply xmlns='urn:xmpp:reply:0' id='%s'/>",
	"reaction":     "<reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions>",
	"replace":      "<replace xmlns='urn:xmpp:message-correct:0' id='%s'/>",
	"retract":      "<retract xmlns='urn:xmpp:message-retract:1' id='%s'/>",
	"retract0":     "<apply-to xmlns='urn:xmpp:fasten:0' id='%s'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
	"origin":       "<origin-id xmlns='urn:xmpp:sid:0' id='%s'/>",
	"omemo":        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>Y2lwaGVy</payload></encrypted>",
	"omemo2":       "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>Y2lwaGVy</payload></encrypted>",
	"ox":           "<openpgp xmlns='urn:xmpp:openpgp:0'>Y2lwaGVy</openpgp>",
	"pgp":          "<x xmlns='jabber:x:encrypted'>Y2lwaGVy</x>",
	"eme":          "<encryption xmlns='urn:xmpp:eme:0' namespace='%s'/>",
	"no-store":     "<no-store xmlns='urn:xmpp:hints'/>",
	"urgency":      "<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>%s</header></headers>",
	"delay":        "<delay xmlns='urn:xmpp:delay' stamp='%s'/>",
	"error":        "<error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
	"wait":         "<error type='wait'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
}

// message makes the XML of a message from the words of a story: id=, type=, lang=, the payloads above, a body in quotes, and
// literal XML; bytes=, children=, depth= make it large.
func message(from, to string, words []string) (string, error) {
	attrs := map[string]string{"type": "chat"}
	var inner strings.Builder
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch payload, ok := payloads[name]; {
		case name == "bytes":
			inner.WriteString("<body>" + strings.Repeat("x", n) + "</body>")
		case name == "children":
			inner.WriteString(strings.Repeat("<x xmlns='urn:x'/>", n))
		case name == "depth":
			inner.WriteString(strings.Repeat("<x xmlns='urn:x'>", n) + strings.Repeat("</x>", n))
		case strings.HasPrefix(word, "<"):
			inner.WriteString(word)
		case strings.HasPrefix(word, `"`):
			inner.WriteString("<body>" + escape(strings.Trim(word, `"`)) + "</body>")
		case slices.Contains(knownWords, name):
		case name == "id" || name == "type" || name == "lang":
			attrs[name] = value
		case !ok:
			return "", fmt.Errorf("unknown word %q", word)
		case strings.Contains(payload, "%s"):
			fmt.Fprintf(&inner, payload, escape(value))
		default:
			inner.WriteString(payload)
		}
		if name == "error" || name == "wait" {
			attrs["type"] = "error"
		}
	}
	var start strings.Builder
	fmt.Fprintf(&start, "<message xmlns='jabber:client' from='%s'", escape(from))
	if to != "" {
		fmt.Fprintf(&start, " to='%s'", escape(to))
	}
	for _, name := range []string{"type", "id"} {
		if attrs[name] != "" {
			fmt.Fprintf(&start, " %s='%s'", name, escape(attrs[name]))
		}
	}
	if attrs["lang"] != "" {
		fmt.Fprintf(&start, " xml:lang='%s'", escape(attrs["lang"]))
	}
	return start.String() + ">" + inner.String() + "</message>", nil
}

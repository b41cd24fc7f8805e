package fakeserver

import (
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// people is the server's knowledge of the people of a story, and answers on their behalf.
type people struct {
	devices map[string][]string // features by the full JIDs that are online
	silent  map[string]bool     // full JIDs that answer nothing
	forged  map[string]bool     // full JIDs with forged capabilities
	hides   map[string]bool     // full JIDs whose disco#info answer hides their features in a form, with the same hash
	vcards  map[string]string   // number by bare JID
	rosters map[string]string   // subscription by "owner contact"
	names   map[string]string   // the owner's name for the contact, by "owner contact"
	granted bool                // rosters may be read (XEP-0356)

	keys     map[string]string // of sessions, by full JID
	sessions int               // number of sessions so far
}

func newPeople() people {
	return people{devices: map[string][]string{}, silent: map[string]bool{}, forged: map[string]bool{}, hides: map[string]bool{}, vcards: map[string]string{}, rosters: map[string]string{}, names: map[string]string{}, keys: map[string]string{}}
}

// features are short names.
var features = map[string]string{
	"T": nsTocsin, "T#sms": nsTocsin + "#sms", "markers": "urn:xmpp:chat-markers:0", "receipts": "urn:xmpp:receipts",
}

// long returns a client's disco#info features, in order.
func long(list []string) []string {
	all := []string{"http://jabber.org/protocol/disco#info"}
	for _, feature := range list {
		if feature == "sm" { // a property of the session, not of the client
			continue
		}
		if feature == "caps" {
			all = append(all, "http://jabber.org/protocol/caps")
		} else {
			all = append(all, cmp.Or(features[feature], feature))
		}
	}
	slices.Sort(all)
	return all
}

// hide makes a form of three features that leaves the hash of the capabilities unchanged (XEP-0115 §5.1).
func hide(features []string) string {
	return fmt.Sprintf("<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>%s</value></field><field var='%s'><value>%s</value></field></x>",
		escape(features[0]), escape(features[1]), escape(features[2]))
}

// presence is a client's presence. With the feature "caps" it announces its capabilities (XEP-0115 §5.1) or, if they are
// forged, those of a Tocsin-aware client.
func (p people) presence(full, to, kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<presence xmlns='jabber:client' from='%s'", escape(full))
	if to != "" {
		fmt.Fprintf(&b, " to='%s'", escape(to))
	}
	if kind != "" {
		fmt.Fprintf(&b, " type='%s'/>", kind)
		return b.String()
	}
	b.WriteString(">")
	if list := p.devices[full]; slices.Contains(list, "caps") {
		if p.forged[full] {
			list = []string{"T", "T#sms", "caps"}
		}
		sum := sha1.Sum([]byte("client/phone//<" + strings.Join(long(list), "<") + "<"))
		fmt.Fprintf(&b, "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='%s'/>", base64.StdEncoding.EncodeToString(sum[:]))
	}
	b.WriteString("</presence>")
	return b.String()
}

// zoneOf returns the time zone offset that a client reports (XEP-0202), or "".
func zoneOf(list []string) string {
	for _, word := range list {
		if zone, ok := strings.CutPrefix(word, "zone="); ok {
			return zone
		}
	}
	return ""
}

// there reports whether a user has a device online.
func (p people) there(bare string) bool {
	for full := range p.devices {
		if bareOf(full) == bare {
			return true
		}
	}
	return false
}

// answer answers a request of the component on behalf of the server or the client; "" if it does not answer.
func (p people) answer(e *Element) string {
	to := e.Attr["to"]
	result := func(payload string) string {
		return fmt.Sprintf("<iq type='result' from='%s' to='%s' id='%s'>%s</iq>", escape(to), escape(e.Attr["from"]), escape(e.Attr["id"]), payload)
	}
	refuse := func(condition string) string {
		return fmt.Sprintf("<iq type='error' from='%s' to='%s' id='%s'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
			escape(to), escape(e.Attr["from"]), escape(e.Attr["id"]), condition)
	}
	if len(e.Children) != 1 {
		return refuse("bad-request")
	}
	query := e.Children[0]
	list, online := p.devices[to]
	switch {
	case p.silent[to]:
		return ""
	case query.Name.Space == "http://jabber.org/protocol/disco#info" && (online || !strings.Contains(to, "@")):
		var b strings.Builder
		fmt.Fprintf(&b, "<query xmlns='%s'", query.Name.Space)
		if node := query.Attr["node"]; node != "" {
			fmt.Fprintf(&b, " node='%s'", escape(node))
		}
		b.WriteString("><identity category='client' type='phone'/>")
		all := long(list)
		if p.hides[to] {
			b.WriteString(hide(all[len(all)-3:]))
			all = all[:len(all)-3]
		}
		for _, feature := range all {
			fmt.Fprintf(&b, "<feature var='%s'/>", escape(feature))
		}
		return result(b.String() + "</query>")
	case query.Name.Space == "urn:xmpp:time" && zoneOf(list) != "":
		return result("<time xmlns='urn:xmpp:time'><tzo>" + escape(zoneOf(list)) + "</tzo><utc>2026-11-24T12:00:00Z</utc></time>")
	case query.Name.Space == "urn:xmpp:ping" && (online || !strings.Contains(to, "@")):
		return result("")
	case query.Name.Space == "vcard-temp" && p.vcards[to] != "":
		return result("<vCard xmlns='vcard-temp'><TEL><CELL/><NUMBER>" + escape(p.vcards[to]) + "</NUMBER></TEL></vCard>")
	case query.Name.Space == nsEvents && query.Name.Local == "contact":
		owner, who := query.Attr["o"], query.Attr["j"]
		return result(fmt.Sprintf("<contact xmlns='%s' o='%s' j='%s' name='%s'/>", nsEvents, escape(owner), escape(who), escape(p.names[owner+" "+who])))
	case query.Name.Space == "jabber:iq:roster" && p.granted:
		var b strings.Builder
		for pair, subscription := range p.rosters {
			if owner, who, _ := strings.Cut(pair, " "); owner == to {
				fmt.Fprintf(&b, "<item jid='%s' subscription='%s' name='%s'/>", escape(who), escape(subscription), escape(p.names[pair]))
			}
		}
		return result("<query xmlns='jabber:iq:roster'>" + b.String() + "</query>")
	case query.Name.Space == "jabber:iq:roster":
		return refuse("forbidden")
	}
	return refuse("service-unavailable")
}

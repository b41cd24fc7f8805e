package request

import (
	"context"
	"slices"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/xep/adhoc"
	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/privilege"
	"tocsin/xep/reactions"
	"tocsin/xep/register"
	"tocsin/xep/vcard"
)

const (
	nsInfo    = caps.NSInfo
	nsItems   = "http://jabber.org/protocol/disco#items"
	nsPing    = "urn:xmpp:ping"
	nsVersion = "jabber:iq:version"
)

// address is one of the component's addresses, or several.
type address uint8

const (
	domain  address = 1 << iota // the component itself
	contact                     // the address that people chat with
	other                       // any other address of the component's domain
)

// route is a kind of incoming stanza, and its handler.
type route struct {
	stanza       string   // iq, message or presence
	types        []string // of the stanza; nil: any
	space, local string   // of a payload; "", "": none is needed
	to           address

	// users refuses a request from anybody except users of the configured domains; nil: everybody is allowed. Messages and
	// presence are dropped instead.
	users *refusal
	// stored: the database is needed. While it is unavailable, the request is refused immediately: waiting would delay others.
	stored bool
	// feature is its disco feature at the addresses in at, or "".
	feature string
	at      address

	// One of these is set. answer and later run in a worker for the sender, now in the goroutine that reads the stream, so it
	// must not block.
	answer func(*Router, context.Context, *session.Stanza, *session.Payload) any // to an IQ: a session.IQ
	later  func(*Router, context.Context, *session.Stanza)
	now    func(*Router, *session.Stanza, *session.Payload)
}

type refusal struct {
	condition stanza.Condition
	kind      stanza.ErrorType
}

var (
	get     = []string{"get"}
	set     = []string{"set"}
	getSet  = []string{"get", "set"}
	isWrong = []string{"error"}
	isChat  = []string{"chat", "normal", ""}

	everywhere = domain | contact | other
	forbidden  = &refusal{stanza.Forbidden, stanza.Auth}
	notFound   = &refusal{stanza.ItemNotFound, stanza.Cancel}
)

// table returns all routes. If several match, the first applies.
func table() []route {
	return []route{
		{stanza: "iq", types: get, space: nsInfo, local: "query", to: everywhere, feature: nsInfo, at: domain | contact, answer: (*Router).info},
		{stanza: "iq", types: get, space: nsItems, local: "query", to: everywhere, feature: nsItems, at: domain | contact, answer: (*Router).items},
		{stanza: "iq", types: get, space: nsPing, local: "ping", to: domain | contact, feature: nsPing, at: domain | contact, answer: (*Router).pong},
		{stanza: "iq", types: get, space: nsVersion, local: "query", to: domain, feature: nsVersion, at: domain, answer: (*Router).version},

		{stanza: "iq", types: get, space: escalation.NS, local: "sync", to: domain, users: forbidden, stored: true, feature: escalation.NSSync, at: domain, answer: (*Router).sync},
		{stanza: "iq", types: set, space: escalation.NS, local: "answer", to: domain, users: notFound, stored: true, feature: escalation.NS, at: domain, answer: (*Router).answered},
		{stanza: "iq", types: set, space: adhoc.NS, local: "command", to: domain | contact, stored: true, feature: adhoc.NS, at: domain | contact, answer: (*Router).command},
		{stanza: "iq", types: getSet, space: register.NS, local: "query", to: domain, stored: true, feature: register.NS, at: domain, answer: (*Router).register},

		{stanza: "iq", types: get, space: vcard.NS, local: "vCard", to: contact, feature: vcard.NS, at: contact, answer: (*Router).card},
		{stanza: "iq", types: get, space: nsPubSub, local: "pubsub", to: contact, answer: (*Router).published},

		{stanza: "message", space: privilege.NS, local: "privilege", to: everywhere, now: (*Router).privilege},
		{stanza: "message", space: privilege.NS1, local: "privilege", to: everywhere, now: (*Router).privilege},
		{stanza: "message", types: isWrong, to: everywhere, users: notFound, now: (*Router).bounced},
		{stanza: "message", types: isChat, space: reactions.NS, local: "reactions", to: contact, users: notFound, feature: reactions.NS, at: contact, later: (*Router).react},
		{stanza: "message", types: isChat, local: "body", to: contact, users: notFound, feature: escalation.NS, at: contact, later: (*Router).chat},

		{stanza: "presence", types: []string{""}, to: everywhere, users: notFound, now: (*Router).available},
		{stanza: "presence", types: []string{"unavailable"}, to: everywhere, users: notFound, now: (*Router).unavailable},
		{stanza: "presence", types: []string{"probe"}, to: everywhere, users: notFound, now: (*Router).probed},
		{stanza: "presence", types: []string{"subscribe"}, to: everywhere, users: notFound, now: (*Router).subscribed},
		{stanza: "presence", types: []string{"unsubscribe"}, to: everywhere, users: notFound, now: (*Router).unsubscribed},
	}
}

// find returns the route for a stanza, and the matching payload; nil if there is none.
func (r *Router) find(in *session.Stanza) (*route, *session.Payload) {
	to := r.address(in.To.String())
	if in.Name == "message" && to == other && in.To.Bare().String() == r.Contact {
		to = contact // whatever the resource
	}
	for i := range r.routes {
		rt := &r.routes[i]
		if rt.stanza != in.Name || rt.to&to == 0 || rt.types != nil && !slices.Contains(rt.types, in.Type) {
			continue
		}
		if rt.local == "" {
			return rt, nil
		}
		if p := in.Child(rt.space, rt.local); p != nil {
			return rt, p
		}
	}
	return nil, nil
}

func (r *Router) address(to string) address {
	switch to {
	case r.JID:
		return domain
	case r.Contact:
		return contact
	}
	return other
}

// features returns the disco features of an address.
func (r *Router) features(at address) (list []caps.Feature) {
	for i := range r.routes {
		f := caps.Feature{Var: r.routes[i].feature}
		if r.routes[i].at&at != 0 && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

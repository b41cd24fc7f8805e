package component

import (
	"crypto/sha1"
	"encoding/xml"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/xep/adhoc"
	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/register"
)

const (
	nsInfo  = caps.NSInfo
	nsItems = "http://jabber.org/protocol/disco#items"
	// capsNode names the software in entity capabilities (XEP-0115 §4).
	capsNode = "urn:tocsin"
)

// itemsQuery is the payload of disco#items (XEP-0030 §4).
type itemsQuery struct {
	XMLName xml.Name    `xml:"http://jabber.org/protocol/disco#items query"`
	Node    string      `xml:"node,attr,omitempty"`
	Items   []discoItem `xml:"http://jabber.org/protocol/disco#items item"`
}

type discoItem struct {
	JID  string `xml:"jid,attr"`
	Node string `xml:"node,attr,omitempty"`
	Name string `xml:"name,attr,omitempty"`
}

// describe is what the component's addresses are (protocol §9).
func (s *Service) describe(contact bool) caps.Info {
	name := s.settings.Get().Name
	if contact {
		return caps.Info{
			Identities: []caps.Identity{{Category: "client", Type: "bot", Name: name}},
			Features:   []caps.Feature{{Var: nsInfo}, {Var: nsPing}, {Var: escalation.NS}},
		}
	}
	return caps.Info{
		Identities: []caps.Identity{{Category: "component", Type: "generic", Name: name}},
		Features: []caps.Feature{
			{Var: nsInfo}, {Var: nsItems}, {Var: adhoc.NS}, {Var: register.NS}, {Var: nsVersion}, {Var: nsPing},
			{Var: escalation.NS}, {Var: escalation.NSSync},
		},
	}
}

// caps is the <c/> in the presence of one of the component's addresses.
func (s *Service) caps(contact bool) caps.Caps {
	ver, err := s.describe(contact).Ver(sha1.New())
	if err != nil {
		s.log.Warn("no capabilities are announced: component.name can't be hashed", "err", err)
	}
	return caps.Caps{Hash: "sha-1", Node: capsNode, Ver: ver}
}

// info answers disco#info.
func (h *handler) info(iq *session.Stanza, p *session.Payload) any {
	var query caps.Info
	if p.Decode(&query) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	switch to := iq.To.String(); {
	case to == h.svc.opts.JID, to == h.svc.opts.Contact:
		contact := to == h.svc.opts.Contact
		if query.Node == "" || query.Node == h.svc.caps(contact).Query() {
			answer := h.svc.describe(contact)
			answer.Node = query.Node
			return session.Result(iq, answer)
		}
		if !contact {
			answer, refused := h.svc.commands.Info(query.Node, iq.From, iq.Lang)
			if refused == nil {
				return session.Result(iq, answer)
			}
		}
	}
	return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
}

// items answers disco#items: the contact, and the commands.
func (h *handler) items(iq *session.Stanza, p *session.Payload) any {
	var query itemsQuery
	if p.Decode(&query) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	answer := itemsQuery{Node: query.Node}
	switch to := iq.To.String(); {
	case to == h.svc.opts.Contact && query.Node == "":
	case to == h.svc.opts.JID && query.Node == "":
		answer.Items = []discoItem{{JID: h.svc.opts.Contact, Name: h.svc.settings.Get().Name}}
	case to == h.svc.opts.JID && query.Node == adhoc.NS:
		for _, item := range h.svc.commands.Items(iq.From, iq.Lang) {
			answer.Items = append(answer.Items, discoItem{JID: item.JID.String(), Node: item.Node, Name: item.Name})
		}
	default:
		return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
	}
	return session.Result(iq, answer)
}

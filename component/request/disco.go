package request

import (
	"context"
	"crypto/sha1"
	"encoding/xml"
	"slices"

	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/component/tap"
	"tocsin/xep/adhoc"
	"tocsin/xep/caps"
)

// capsNode names the software in entity capabilities (XEP-0115 §4).
const capsNode = "urn:tocsin"

// pong answers a ping (XEP-0199).
func (r *Router) pong(_ context.Context, iq *session.Stanza, _ *session.Payload) any {
	return session.Result(iq, nil)
}

// versionQuery is the answer of XEP-0092.
type versionQuery struct {
	XMLName xml.Name `xml:"jabber:iq:version query"`
	Name    string   `xml:"name"`
	Version string   `xml:"version"`
}

func (r *Router) version(_ context.Context, iq *session.Stanza, _ *session.Payload) any {
	return session.Result(iq, versionQuery{Name: "Tocsin", Version: r.Version})
}

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

// describe returns the disco#info of one of the component's addresses (protocol §9).
func (r *Router) describe(at address) caps.Info {
	identity := caps.Identity{Category: "component", Type: "generic", Name: r.Settings.Get().Name}
	info := caps.Info{Features: r.features(at)}
	if at == contact {
		identity.Category, identity.Type = "client", "bot"
	} else {
		info.Forms = []caps.Form{times(r.Settings.Policy())}
	}
	info.Identities = []caps.Identity{identity}
	return info
}

// caps returns the <c/> for the presence sent in reply, from the address that was written to.
func (r *Router) caps(p *session.Stanza) caps.Caps {
	at := domain
	if p.To.Localpart() != "" {
		at = contact
	}
	return r.capsOf(at)
}

func (r *Router) capsOf(at address) caps.Caps {
	ver, err := r.describe(at).Ver(sha1.New())
	if err != nil {
		r.Log.Warn("cannot hash component.name, announcing no capabilities", "err", err)
	}
	return caps.Caps{Hash: "sha-1", Node: capsNode, Ver: ver}
}

// info answers disco#info.
func (r *Router) info(_ context.Context, iq *session.Stanza, p *session.Payload) any {
	var query caps.Info
	if p.Decode(&query) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	at := r.address(iq.To.String())
	switch {
	case at == other:
	case query.Node == "" || query.Node == r.capsOf(at).Query():
		answer := r.describe(at)
		answer.Node = query.Node
		if config := &r.Settings.Get().Tap; at == domain && slices.Contains(config.Domains, iq.From.String()) {
			answer.Features = append(answer.Features, needs(config, r.People.Synced())...)
		}
		return session.Result(iq, answer)
	default:
		answer, refused := r.Commands.Info(query.Node, iq.From, iq.Lang)
		if refused == nil {
			return session.Result(iq, answer)
		}
	}
	return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
}

// needs lists, for our servers, which parts of the tap the component reads and which it does not need (protocol §10). The
// synchronisation of people's devices is requested only if somebody wants it to count.
func needs(config *tap.Config, synced bool) []caps.Feature {
	features := []caps.Feature{{Var: tap.EventsNS}}
	if !config.KeepText {
		features = append(features, caps.Feature{Var: tap.EventsNS + "#no-text"})
	}
	if !config.ReplyReads {
		features = append(features, caps.Feature{Var: tap.EventsNS + "#no-reactions"})
	}
	if synced {
		features = append(features, caps.Feature{Var: tap.EventsNS + "#ids"}, caps.Feature{Var: tap.EventsNS + "#mds"})
	}
	return features
}

// items answers disco#items: the contact, and the commands.
func (r *Router) items(_ context.Context, iq *session.Stanza, p *session.Payload) any {
	var query itemsQuery
	if p.Decode(&query) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	answer := itemsQuery{Node: query.Node}
	switch at := r.address(iq.To.String()); {
	case at == contact && query.Node == "":
	case at == domain && query.Node == "":
		answer.Items = []discoItem{{JID: r.Contact, Name: r.Settings.Get().Name}}
	case at != other && query.Node == adhoc.NS: // on the contact, too: some clients look for commands only there
		for _, item := range r.Commands.Items(iq.From, iq.Lang) {
			answer.Items = append(answer.Items, discoItem{JID: iq.To.Bare().String(), Node: item.Node, Name: item.Name})
		}
	default:
		return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
	}
	return session.Result(iq, answer)
}

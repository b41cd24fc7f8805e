package request

import (
	"context"
	"crypto/sha1"
	_ "embed" // the avatar
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"

	"mellium.im/xmpp/stanza"

	"tocsin/component/phrase"
	"tocsin/component/session"
)

// The contact has a name, an avatar and a description, so that a chat list shows more than an address. A component has
// no PEP service, so it answers requests.

//go:embed avatar.png
var avatar []byte

// avatarID identifies an avatar (XEP-0084 §4.2, XEP-0153 §3.1).
var avatarID = func() string {
	sum := sha1.Sum(avatar)
	return hex.EncodeToString(sum[:])
}()

const (
	avatarType = "image/png"
	avatarSize = 128 // pixels, in both directions

	nsPubSub         = "http://jabber.org/protocol/pubsub"
	nsNick           = "http://jabber.org/protocol/nick"
	nsAvatarData     = "urn:xmpp:avatar:data"
	nsAvatarMetadata = "urn:xmpp:avatar:metadata"
)

// photoUpdate announces in presence which avatar the vCard has (XEP-0153 §3.1).
type photoUpdate struct {
	XMLName xml.Name `xml:"vcard-temp:x:update x"`
	Photo   string   `xml:"photo"`
}

// contactCard is the contact's vCard (XEP-0054).
type contactCard struct {
	XMLName xml.Name `xml:"vcard-temp vCard"`
	FN      string   `xml:"FN"`
	Nick    string   `xml:"NICKNAME"`
	Desc    string   `xml:"DESC"`
	Type    string   `xml:"PHOTO>TYPE"`
	Photo   string   `xml:"PHOTO>BINVAL"`
}

// card answers a request for the contact's vCard.
func (r *Router) card(_ context.Context, iq *session.Stanza, _ *session.Payload) any {
	name := r.Settings.Get().Name
	say := phrase.In(r.Locales.Language(iq.From.Bare().String(), iq.Lang))
	return session.Result(iq, contactCard{
		FN: name, Nick: name, Desc: say.Commands.About, Type: avatarType, Photo: base64.StdEncoding.EncodeToString(avatar),
	})
}

// pubSubItems requests the items of a node, or contains the only one (XEP-0060 §6.5).
type pubSubItems struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Items   struct {
		Node string      `xml:"node,attr"`
		Item *pubSubItem `xml:"item"`
	} `xml:"items"`
}

type pubSubItem struct {
	ID      string `xml:"id,attr"`
	Payload any
}

type nickname struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/nick nick"`
	Name    string   `xml:",chardata"`
}

type avatarData struct {
	XMLName xml.Name `xml:"urn:xmpp:avatar:data data"`
	Base64  string   `xml:",chardata"`
}

type avatarMetadata struct {
	XMLName xml.Name `xml:"urn:xmpp:avatar:metadata metadata"`
	Info    struct {
		ID     string `xml:"id,attr"`
		Type   string `xml:"type,attr"`
		Bytes  int    `xml:"bytes,attr"`
		Width  int    `xml:"width,attr"`
		Height int    `xml:"height,attr"`
	} `xml:"info"`
}

// published answers a request for a PEP node of the contact: nickname (XEP-0172) or avatar (XEP-0084).
func (r *Router) published(_ context.Context, iq *session.Stanza, p *session.Payload) any {
	var query pubSubItems
	if p.Decode(&query) != nil {
		return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
	}
	var answer pubSubItems
	answer.Items.Node = query.Items.Node
	switch query.Items.Node {
	case nsNick:
		answer.Items.Item = &pubSubItem{ID: "current", Payload: nickname{Name: r.Settings.Get().Name}}
	case nsAvatarData:
		answer.Items.Item = &pubSubItem{ID: avatarID, Payload: avatarData{Base64: base64.StdEncoding.EncodeToString(avatar)}}
	case nsAvatarMetadata:
		var meta avatarMetadata
		meta.Info.ID, meta.Info.Type, meta.Info.Bytes, meta.Info.Width, meta.Info.Height = avatarID, avatarType, len(avatar), avatarSize, avatarSize
		answer.Items.Item = &pubSubItem{ID: avatarID, Payload: meta}
	default:
		return session.Error(iq, stanza.ItemNotFound, stanza.Cancel, nil)
	}
	return session.Result(iq, answer)
}

package lab

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

// Profile is a client's automatic behaviour. The named ones are real clients, as observed on the wire.
type Profile struct {
	Name string

	Request  bool // requests receipts for its messages
	Markable bool // requests markers for its messages

	Receipts     bool // sends receipts on request
	ReceiptsBare bool // to the bare JID
	Markers      bool // sends markers when the chat is open or the test calls Read
	Unasked      bool // also for a message without <markable/>

	Features []string // announced in disco#info besides those that follow from the above
}

// The clients of Debian 12 and npm, as observed on the wire.
var (
	Silent     = Profile{Name: "silent"}
	Receipts   = Profile{Name: "receipts", Request: true, Receipts: true}
	Markers    = Profile{Name: "markers", Request: true, Markable: true, Receipts: true, Markers: true}
	Gajim      = Profile{Name: "Gajim", Request: true, Markable: true, Receipts: true, ReceiptsBare: true, Markers: true, Unasked: true}
	Converse   = Profile{Name: "Converse.js", Request: true, Receipts: true, Markers: true}
	Profanity  = Profile{Name: "profanity", Receipts: true}
	Poezio     = Profile{Name: "poezio", Request: true, Receipts: true}
	GoSendxmpp = Profile{Name: "go-sendxmpp"}
)

// With returns the profile with further features, as in Markers.With(escalation.NS).
func (p Profile) With(features ...string) Profile {
	p.Features = append(slices.Clone(p.Features), features...)
	return p
}

// Capable returns the profile of a client that shows Tocsin's states and prompts, Phone that of one that can also open an
// SMS composer.
func (p Profile) Capable() Profile { return p.With(escalation.NS) }

// Phone is Capable with an SMS composer.
func (p Profile) Phone() Profile { return p.With(escalation.NS, escalation.NSSMS) }

// info is the profile's disco#info response.
func (p Profile) info() caps.Info {
	vars := append([]string{caps.NSInfo, caps.NS, "urn:xmpp:ping"}, p.Features...)
	if p.Receipts {
		vars = append(vars, receipts.NS)
	}
	if p.Markers {
		vars = append(vars, markers.NS)
	}
	slices.Sort(vars)
	info := caps.Info{Identities: []caps.Identity{{Category: "client", Type: "pc", Name: p.Name}}}
	for _, v := range slices.Compact(vars) {
		info.Features = append(info.Features, caps.Feature{Var: v})
	}
	return info
}

// query is the response as XML; node is the request's.
func (p Profile) query(node string) string {
	info := p.info()
	var b strings.Builder
	fmt.Fprintf(&b, "<query xmlns='%s'", caps.NSInfo)
	if node != "" {
		fmt.Fprintf(&b, " node='%s'", Escape(node))
	}
	b.WriteByte('>')
	for _, i := range info.Identities {
		fmt.Fprintf(&b, "<identity category='%s' type='%s' name='%s'/>", i.Category, i.Type, Escape(i.Name))
	}
	for _, f := range info.Features {
		fmt.Fprintf(&b, "<feature var='%s'/>", Escape(f.Var))
	}
	b.WriteString("</query>")
	return b.String()
}

// caps is the <c/> of the profile's presence.
func (p Profile) caps() string {
	ver, err := p.info().Ver(sha1.New())
	if err != nil {
		panic("lab: " + err.Error())
	}
	return fmt.Sprintf("<c xmlns='%s' hash='sha-1' node='https://lab.test/%s' ver='%s'/>", caps.NS, Escape(p.Name), ver)
}

// asks are the payloads that the profile adds to messages.
func (p Profile) asks() string {
	asks := ""
	if p.Request {
		asks += "<request xmlns='" + receipts.NS + "'/>"
	}
	if p.Markable {
		asks += "<markable xmlns='" + markers.NS + "'/>"
	}
	return asks
}

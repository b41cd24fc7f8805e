// Package privilege lets a component act for the users of its server (XEP-0356).
package privilege

import "encoding/xml"

const (
	// NS is the namespace of privileged entities since version 0.4 of XEP-0356, NS1 that of versions 0.2 and 0.3. A server
	// uses one of them: the one it advertises.
	NS  = "urn:xmpp:privilege:2"
	NS1 = "urn:xmpp:privilege:1"
)

// Advertisement is the <privilege/> in the message by which a server tells a component, once connected, what it may do
// (XEP-0356 §4.2). It has either namespace.
type Advertisement struct {
	XMLName xml.Name
	Perms   []Perm `xml:"perm"`
}

// Perm is one permission.
type Perm struct {
	Access     string      `xml:"access,attr"`
	Type       string      `xml:"type,attr,omitempty"`
	Push       string      `xml:"push,attr,omitempty"`
	Namespaces []Namespace `xml:"namespace"`
}

// Namespace permits IQs of a namespace (XEP-0356 §6.2). Nested should be empty, but Prosody's community module nests every
// namespace in the previous one.
type Namespace struct {
	NS     string      `xml:"ns,attr"`
	Type   string      `xml:"type,attr"`
	Nested []Namespace `xml:"namespace"`
}

// Grants are the permissions of an Advertisement in a usable form. The zero Grants permit nothing.
type Grants struct {
	NS             string // the server's namespace: NS or NS1
	RosterGet      bool
	RosterSet      bool
	RosterPush     bool // the server sends roster pushes
	Message        bool // messages in the name of users
	Presence       bool // presence of the server's users is received
	RosterPresence bool // presence of their contacts is received, too
	IQ             map[string]Methods
}

// Methods are the permitted IQ types.
type Methods struct{ Get, Set bool }

// Grants returns what a permits. Unknown permissions, and everything of an unknown namespace, permit nothing.
func (a Advertisement) Grants() Grants {
	if a.XMLName.Space != NS && a.XMLName.Space != NS1 {
		return Grants{}
	}
	g := Grants{NS: a.XMLName.Space}
	for _, p := range a.Perms {
		switch p.Access {
		case "roster":
			m := methods(p.Type)
			g.RosterGet, g.RosterSet = m.Get, m.Set
			g.RosterPush = m.Get && p.Push != "false" && p.Push != "0"
		case "message":
			g.Message = p.Type == "outgoing"
		case "presence":
			g.RosterPresence = p.Type == "roster"
			g.Presence = g.RosterPresence || p.Type == "managed_entity"
		case "iq":
			g.addIQ(p.Namespaces)
		}
	}
	return g
}

func (g *Grants) addIQ(namespaces []Namespace) {
	for _, n := range namespaces {
		if m := methods(n.Type); m.Get || m.Set {
			if g.IQ == nil {
				g.IQ = make(map[string]Methods)
			}
			g.IQ[n.NS] = m
		}
		g.addIQ(n.Nested)
	}
}

func methods(t string) Methods {
	return Methods{Get: t == "get" || t == "both", Set: t == "set" || t == "both"}
}

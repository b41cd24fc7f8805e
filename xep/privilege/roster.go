package privilege

import "encoding/xml"

// Roster is a user's roster. The zero Roster, in an IQ get to the user's bare JID, requests it (XEP-0356 §4.3). Unlike
// mellium's, it survives an item with an invalid address.
type Roster struct {
	XMLName xml.Name `xml:"jabber:iq:roster query"`
	Items   []Item   `xml:"jabber:iq:roster item"`
}

// Item is a contact in a roster.
type Item struct {
	JID          string   `xml:"jid,attr"`
	Name         string   `xml:"name,attr,omitempty"`
	Subscription string   `xml:"subscription,attr,omitempty"`
	Ask          string   `xml:"ask,attr,omitempty"`
	Groups       []string `xml:"jabber:iq:roster group"`
}

// Name returns the owner's name for the contact bare; "" if there is none.
func (r Roster) Name(bare string) string {
	for _, i := range r.Items {
		if i.JID == bare {
			return i.Name
		}
	}
	return ""
}

// Shows reports whether the roster's owner lets the contact bare see the owner's presence: subscription from or both
// (RFC 6121 §2.1.2.5).
func (r Roster) Shows(bare string) bool {
	for _, i := range r.Items {
		if i.JID == bare {
			return i.Subscription == "from" || i.Subscription == "both"
		}
	}
	return false
}

package privilege

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrants(t *testing.T) {
	all := map[string]Methods{
		"http://jabber.org/protocol/pubsub":     {Get: true, Set: true},
		"urn:xmpp:mam:2":                        {Get: true, Set: true},
		"http://jabber.org/protocol/disco#info": {Get: true},
		"vcard-temp":                            {Get: true},
		"urn:xmpp:carbons:2":                    {Set: true},
	}
	for _, tc := range []struct {
		name, xml string
		want      Grants
	}{
		{"ejabberd 23.01", `<privilege xmlns='urn:xmpp:privilege:1'><perm type='outgoing' access='message'/>` +
			`<perm type='both' access='roster'/><perm type='managed_entity' access='presence'/></privilege>`,
			Grants{NS: NS1, RosterGet: true, RosterSet: true, RosterPush: true, Message: true, Presence: true}},
		{"Prosody nests namespaces", `<privilege xmlns='urn:xmpp:privilege:2'><perm type='both' access='roster'/>` +
			`<perm type='outgoing' access='message'/><perm type='managed_entity' access='presence'/><perm access='iq'>` +
			`<namespace ns='http://jabber.org/protocol/pubsub' type='both'><namespace ns='urn:xmpp:mam:2' type='both'>` +
			`<namespace ns='http://jabber.org/protocol/disco#info' type='get'><namespace ns='vcard-temp' type='get'>` +
			`<namespace ns='urn:xmpp:carbons:2' type='set'/></namespace></namespace></namespace></namespace></perm></privilege>`,
			Grants{NS: NS, RosterGet: true, RosterSet: true, RosterPush: true, Message: true, Presence: true, IQ: all}},
		{"namespaces side by side", `<privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'>` +
			`<namespace ns='vcard-temp' type='get'/><namespace ns='x' type='none'/><namespace ns='urn:xmpp:carbons:2' type='set'/></perm></privilege>`,
			Grants{NS: NS, IQ: map[string]Methods{"vcard-temp": {Get: true}, "urn:xmpp:carbons:2": {Set: true}}}},
		{"none is nothing", `<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='none' push='true'/>` +
			`<perm access='message' type='none'/><perm access='presence' type='none'/></privilege>`, Grants{NS: NS}},
		{"roster presence includes the users'", `<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='get' push='false'/>` +
			`<perm access='presence' type='roster'/></privilege>`,
			Grants{NS: NS, RosterGet: true, Presence: true, RosterPresence: true}},
		{"set alone gets no pushes", `<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='set'/></privilege>`,
			Grants{NS: NS, RosterSet: true}},
		{"unknown permissions", `<privilege xmlns='urn:xmpp:privilege:2'><perm access='root' type='both'/><else/></privilege>`,
			Grants{NS: NS}},
		{"foreign namespace", `<privilege xmlns='urn:xmpp:privilege:9'><perm access='message' type='outgoing'/></privilege>`,
			Grants{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a Advertisement
			if err := xml.Unmarshal([]byte(tc.xml), &a); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, a.Grants()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRoster(t *testing.T) {
	query, err := xml.Marshal(Roster{})
	if err != nil || string(query) != `<query xmlns="jabber:iq:roster"></query>` {
		t.Errorf("query: %s, %v", query, err)
	}
	const result = `<query xmlns='jabber:iq:roster' ver='v7'>
		<item jid='♥@localhost' subscription='both'/>
		<item jid='both@example.org' subscription='both' name='B'><group>Friends</group></item>
		<item jid='from@example.org' subscription='from'/>
		<item jid='to@example.org' subscription='to'/>
		<item jid='none@example.org' subscription='none' ask='subscribe'/>
		<item jid='bare@example.org'/>
		<item xmlns='urn:example' jid='foreign@example.org' subscription='both'/>
	</query>`
	var r Roster
	if err := xml.Unmarshal([]byte(result), &r); err != nil {
		t.Fatal(err)
	}
	for jid, want := range map[string]bool{
		"both@example.org": true, "from@example.org": true, "to@example.org": false, "none@example.org": false,
		"bare@example.org": false, "stranger@example.org": false, "foreign@example.org": false,
	} {
		t.Run(jid, func(t *testing.T) {
			if got := r.Shows(jid); got != want {
				t.Errorf("Shows(%s) = %t", jid, got)
			}
		})
	}
	if diff := cmp.Diff([]string{"Friends"}, r.Items[1].Groups); diff != "" {
		t.Error(diff)
	}
}

func FuzzGrants(f *testing.F) {
	f.Add(`<privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'><namespace ns='a' type='get'/></perm></privilege>`)
	f.Add(`<privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'>` + strings.Repeat(`<namespace ns='a' type='get'>`, 50))
	f.Fuzz(func(t *testing.T, in string) {
		var a Advertisement
		if xml.Unmarshal([]byte(in), &a) != nil {
			return
		}
		if g := a.Grants(); g.NS == "" && !cmp.Equal(g, Grants{}) {
			t.Errorf("granted without a namespace: %+v", g)
		}
	})
}

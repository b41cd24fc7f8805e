// Package loadgen generates the traffic that a server sends to the component, for benchmarks, with a fixed seed.
package loadgen

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Mix is the traffic of the users of one host. Each writes to twenty others.
type Mix struct {
	// Facts restricts the traffic to what changes a row: one third messages, one third receipts, one third markers, one copy
	// of each. Without it the copies are those of ejabberd: each message, receipt and marker twice, and with them the chat
	// states, carbons, archive, presence, IQs and group chat of the same users.
	Facts bool
	// Wrote is called with the number of each message, which is the end of its id; may be nil.
	Wrote func(n int)

	host      string
	users     int
	rand      *rand.Rand
	copies    int
	messages  int
	delivered []message // awaiting a receipt
	read      []message // awaiting a marker
}

type message struct{ from, to, id string }

// A receipt, and a marker, come this many messages later.
const (
	receiptAfter = 500
	markerAfter  = 1000
)

// New returns a mix with a fixed seed.
func New(host string, users int) *Mix {
	return &Mix{host: host, users: users, rand: rand.New(rand.NewPCG(1, 2))}
}

// Number returns the number of a message, given its id.
func Number(id string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "m-"))
	return n, err == nil && strings.HasPrefix(id, "m-")
}

// Next writes the copies of the next action of a user, and returns their number.
func (m *Mix) Next(b *bytes.Buffer) int {
	before := m.copies
	if m.Facts {
		m.fact(b)
	} else {
		m.act(b)
	}
	return m.copies - before
}

func (m *Mix) fact(b *bytes.Buffer) {
	switch m.copies % 3 {
	case 1:
		m.receipt(b, 1)
	case 2:
		m.marker(b, 1)
	default:
		m.chat(b, 1, true)
	}
}

func (m *Mix) act(b *bytes.Buffer) {
	from, to := m.pair()
	switch k := m.rand.IntN(100); {
	case k < 20:
		m.chat(b, 2, m.rand.IntN(5) < 3) // the other recipients' clients send no receipts
	case k < 32:
		m.receipt(b, 2)
	case k < 44:
		m.marker(b, 2)
	case k < 52:
		m.copied(b, 2, m.stanza(message{from, to, m.id()}, "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>"))
	case k < 62:
		m.copied(b, 1, `<message to='`+from+`/laptop' from='`+from+`' type='chat' xmlns='jabber:client'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>`+
			m.written(from, to, m.sid(from))+`</forwarded></sent></message>`)
	case k < 68:
		m.copied(b, 1, `<message to='`+from+`/phone' from='`+from+`' xmlns='jabber:client'><result id='`+m.id()+`' queryid='q' xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>`+
			m.written(from, to, "")+`<delay from='`+m.host+`' stamp='2026-11-24T02:12:23.743770Z' xmlns='urn:xmpp:delay'/></forwarded></result></message>`)
	case k < 80:
		m.copied(b, 1, `<presence xml:lang='en' to='`+to+`/phone' from='`+from+`/phone' xmlns='jabber:client'><show>away</show><c hash='sha-1' node='http://gajim.org' ver='`+
			versions[m.rand.IntN(len(versions))]+`' xmlns='http://jabber.org/protocol/caps'/><x xmlns='vcard-temp:x:update'><photo>`+m.id()+`</photo></x></presence>`)
	case k < 84:
		m.copied(b, 1, `<presence xml:lang='en' to='`+from+`' from='`+from+`/phone' xmlns='jabber:client'><c hash='sha-1' node='http://gajim.org' ver='`+versions[0]+
			`' xmlns='http://jabber.org/protocol/caps'/></presence>`)
	case k < 92:
		m.copied(b, 1, `<iq xml:lang='en' to='`+to+`/phone' from='`+from+`/phone' type='get' id='`+m.id()+`' xmlns='jabber:client'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
	default:
		room := "room@rooms." + m.host
		m.copied(b, 1, `<message xml:lang='en' to='`+to+`/phone' from='`+room+`/`+m.id()+`' type='groupchat' id='`+m.id()+`' xmlns='jabber:client'><occupant-id id='`+m.id()+
			`' xmlns='urn:xmpp:occupant-id:0'/>`+m.sid(room)+`<body>`+m.text()+`</body></message>`)
	}
}

// chat writes a message; one that is answered will get a receipt and a marker.
func (m *Mix) chat(b *bytes.Buffer, times int, answered bool) {
	sent := message{id: fmt.Sprintf("m-%014d", m.messages)}
	sent.from, sent.to = m.pair()
	if m.Wrote != nil {
		m.Wrote(m.messages)
	}
	m.messages++
	if answered {
		m.delivered, m.read = append(m.delivered, sent), append(m.read, sent)
	}
	m.copied(b, times, m.stanza(sent, m.payload(sent.id)))
}

func (m *Mix) receipt(b *bytes.Buffer, times int) {
	m.answer(b, times, &m.delivered, receiptAfter, "<received xmlns='urn:xmpp:receipts' id='%s'/><store xmlns='urn:xmpp:hints'/>")
}

func (m *Mix) marker(b *bytes.Buffer, times int) {
	m.answer(b, times, &m.read, markerAfter, "<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/><store xmlns='urn:xmpp:hints'/>")
}

// answer writes evidence for the oldest message in list if it is old enough; otherwise a new message.
func (m *Mix) answer(b *bytes.Buffer, times int, list *[]message, after int, payload string) {
	if len(*list) <= after {
		m.chat(b, times, true)
		return
	}
	of := (*list)[0]
	*list = (*list)[1:]
	m.copied(b, times, m.stanza(message{of.to, of.from, m.id()}, fmt.Sprintf(payload, of.id)))
}

// copied writes n copies of a stanza.
func (m *Mix) copied(b *bytes.Buffer, times int, stanza string) {
	for range times {
		fmt.Fprintf(b, `<message to='tocsin.%[1]s' from='%[1]s' id='%[2]d'><forwarded xmlns='urn:xmpp:forward:0'>%[3]s</forwarded></message>`, m.host, m.rand.Uint64(), stanza)
		m.copies++
	}
}

func (m *Mix) stanza(of message, children string) string {
	return `<message xml:lang='en' to='` + of.to + `' from='` + of.from + `/phone' type='chat' id='` + of.id + `' xmlns='jabber:client'>` + children + `</message>`
}

// written writes a message again, after some children.
func (m *Mix) written(from, to, children string) string {
	id := m.id()
	return m.stanza(message{from, to, id}, children+m.payload(id))
}

// payload is the content of a message. Its origin-id equals its id, as with all clients that send one (XEP-0359).
func (m *Mix) payload(id string) string {
	return `<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id id='` + id +
		`' xmlns='urn:xmpp:sid:0'/><active xmlns='http://jabber.org/protocol/chatstates'/><body>` + m.text() + `</body>`
}

func (m *Mix) sid(by string) string {
	return `<archived by='` + by + `' id='` + m.id() + `' xmlns='urn:xmpp:mam:tmp'/><stanza-id by='` + by + `' id='` + m.id() + `' xmlns='urn:xmpp:sid:0'/>`
}

func (m *Mix) id() string { return fmt.Sprintf("%016x", m.rand.Uint64()) }

func (m *Mix) pair() (from, to string) {
	n := m.rand.IntN(m.users)
	return m.user(n), m.user(recipient(n, m.rand.IntN(contacts), m.users))
}

// contacts is the number of people each user writes to.
const contacts = 20

func recipient(n, i, users int) int { return (n*31 + i*7 + 1) % users }

// Recipients returns the numbers of the recipients of a user's messages; users are user<number>@<host>. Numbers may repeat.
func Recipients(n, users int) (all []int) {
	for i := range contacts {
		all = append(all, recipient(n, i, users))
	}
	return all
}

func (m *Mix) user(n int) string { return "user" + strconv.Itoa(n) + "@" + m.host }

var (
	words    = strings.Fields("the quick brown fox isn&apos;t lazy, it jumps over 敏捷的棕色狐狸 &amp; sleeps 🦊 until noon")
	versions = strings.Fields("q07IKJEyjvHSyhy//CH0CxmKi8w= 8RovUdtOmiAjzj+xI7SK5BCw3A8= zHyEOgxTrkpSdGcQKH8EFPLsriY= jJhZY2WXPZn0XtVMYFZJDVxVgHk=")
)

func (m *Mix) text() string {
	var w []string
	for range 4 + m.rand.IntN(24) {
		w = append(w, words[m.rand.IntN(len(words))])
	}
	return strings.Join(w, " ")
}

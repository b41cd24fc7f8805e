package fakeserver

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const nsEvents = "urn:tocsin:tap:1"

// eventRun is the run of the story's source.
const eventRun = "storysource"

// short maps the elements that become payloads of events (docs/PROTOCOL.md §10) to their short names, and lists the
// attributes that they keep.
var short = map[string]struct {
	name  string
	attrs []string
}{
	"jabber:client subject":                    {"su", nil},
	"urn:xmpp:receipts request":                {"rq", nil},
	"urn:xmpp:receipts received":               {"rc", []string{"id"}},
	"urn:xmpp:chat-markers:0 markable":         {"mk", nil},
	"urn:xmpp:chat-markers:0 received":         {"mr", []string{"id"}},
	"urn:xmpp:chat-markers:0 displayed":        {"md", []string{"id"}},
	"urn:xmpp:chat-markers:0 acknowledged":     {"ma", []string{"id"}},
	"urn:xmpp:reply:0 reply":                   {"re", []string{"id", "to"}},
	"urn:xmpp:message-correct:0 replace":       {"cr", []string{"id"}},
	"urn:xmpp:message-retract:1 retract":       {"rt", []string{"id"}},
	"eu.siacs.conversations.axolotl encrypted": {"om", nil},
	"urn:xmpp:omemo:2 encrypted":               {"om2", nil},
	"urn:xmpp:openpgp:0 openpgp":               {"ox", nil},
	"jabber:x:encrypted x":                     {"pg", nil},
	"urn:xmpp:eme:0 encryption":                {"em", []string{"namespace"}},
	"urn:xmpp:sid:0 origin-id":                 {"oi", []string{"id"}},
	"urn:xmpp:sid:0 stanza-id":                 {"si", []string{"id", "by"}},
	"urn:xmpp:delay delay":                     {"dl", []string{"from", "stamp"}},
	"jabber:x:delay x":                         {"dl", []string{"from", "stamp"}},
	"urn:xmpp:hints no-store":                  {"ns", nil},
	"urn:xmpp:forward:0 forwarded":             {"fw", nil},
	nsTocsin + " track":                        {"tr", []string{"until", "timeout", "priority", "escalate"}},
	"http://jabber.org/protocol/chatstates *":  {"", nil},
	"urn:xmpp:hints *":                         {"", nil},
	"urn:ietf:params:xml:ns:xmpp-stanzas *":    {"", nil},
	"urn:xmpp:fallback:0 fallback":             {"fb", []string{"for"}},
	"urn:xmpp:reactions:0 reactions":           {"rx", []string{"id"}},
	"http://jabber.org/protocol/shim headers":  {"ur", nil},
	"urn:xmpp:jingle-message:0 *":              {"jm", nil},
	"urn:xmpp:fasten:0 apply-to":               {"rt", []string{"id"}},
}

// event returns the event of a message, "" if this tap does not report it. known are the words for what only the server
// knows.
func event(kind, from, to, inner string, known []string) string {
	m, err := ParseElement(strings.Replace(inner, " xmlns='jabber:client'", "", 1))
	if err != nil {
		return ""
	}
	name := kind
	var more string
	switch kind {
	case eventArchived:
		name, more = eventOffline, " how='archive'"
	case eventOffline:
		more = " how='offline'"
	case eventReplay:
		return ""
	}
	var payloads strings.Builder
	if kind == eventOut || kind == eventIn || kind == eventBounce {
		for _, c := range m.Children {
			payloads.WriteString(payloadOf(c))
		}
		if payloads.Len() == 0 {
			return ""
		}
	}
	var attrs strings.Builder
	for _, a := range [][2]string{{"f", from}, {"t", to}, {"i", m.Attr["id"]}} {
		fmt.Fprintf(&attrs, " %s='%s'", a[0], escape(a[1]))
	}
	if typ := m.Attr["type"]; typ != "chat" && kind != eventBounce {
		fmt.Fprintf(&attrs, " y='%s'", escape(typ))
	}
	if lang := m.Attr["lang"]; lang != "" && (kind == eventOut || kind == eventIn) {
		fmt.Fprintf(&attrs, " l='%s'", escape(lang))
	}
	for _, word := range known {
		name, value, _ := strings.Cut(word, "=")
		fmt.Fprintf(&attrs, " %s='%s'", name, escape(value))
	}
	return fmt.Sprintf("<%s%s%s>%s</%s>", name, attrs.String(), more, payloads.String(), name)
}

// payloadOf returns the payload for a child of a message.
func payloadOf(c *Element) string {
	p, ok := short[c.Name.Space+" "+c.Name.Local]
	if !ok {
		p, ok = short[c.Name.Space+" *"]
	}
	var attrs strings.Builder
	add := func(name, value string) { fmt.Fprintf(&attrs, " %s='%s'", name, escape(value)) }
	for _, name := range p.attrs {
		if value, ok := c.Attr[name]; ok {
			add(name, value)
		}
	}
	first := func(local string) *Element {
		i := slices.IndexFunc(c.Children, func(e *Element) bool { return e.Name.Local == local })
		if i < 0 {
			return nil
		}
		return c.Children[i]
	}
	switch {
	case c.Name.Local == "body" && (c.Name.Space == nsComponent || c.Name.Space == "jabber:client"):
		return "<body>" + escape(c.Text) + "</body>"
	case c.Name.Local == "error":
		add("type", c.Attr["type"])
		if len(c.Children) > 0 {
			add("c", c.Children[0].Name.Local)
		}
		p.name = "er"
	case !ok:
		p.name = "x"
	case p.name == "om" || p.name == "om2":
		if first("payload") != nil {
			add("payload", "1")
		}
	case p.name == "fb":
		if body := first("body"); body != nil {
			add("start", body.Attr["start"])
			add("end", body.Attr["end"])
		}
	case p.name == "rx":
		add("n", fmt.Sprint(len(c.Children)))
	case p.name == "ur":
		if header := first("header"); header != nil {
			add("v", header.Text)
		}
	case p.name == "jm":
		add("n", c.Name.Local)
	case p.name == "":
		return ""
	}
	return "<" + p.name + attrs.String() + "/>"
}

// keptEvent is an event that the source keeps while the component is away.
type keptEvent struct {
	vhost, event string
	at           time.Time
}

// batch wraps an event in its own batch.
func (st *stage) batch(e keptEvent) string {
	st.batches++
	now := time.Now()
	return fmt.Sprintf("<message from='%s' to='%s' type='normal'><tap xmlns='%s' run='%s' n='%d' age='%d' t='%d'>%s</tap></message>",
		e.vhost, component, nsEvents, eventRun, st.batches, now.Sub(e.at).Milliseconds(), now.UnixMilli(), e.event)
}

// session reports an event of a session; each resource has one session at a time.
func (st *stage) session(full, what, attrs string) {
	if st.shape != Events {
		return
	}
	st.mu.Lock()
	key := st.people.keys[full]
	if what == "opened" || key == "" {
		st.people.sessions++
		key = fmt.Sprintf("k%d", st.people.sessions)
		st.people.keys[full] = key
	}
	st.mu.Unlock()
	st.sendEvent(domainOf(full), fmt.Sprintf("<%s s='%s' k='%s'%s/>", what, escape(full), key, attrs))
}

// sendEvent sends an event, or keeps it while the component is away.
func (st *stage) sendEvent(vhost, event string) {
	e := keptEvent{vhost, event, time.Now()}
	if st.peer == nil {
		st.kept = append(st.kept, e)
		return
	}
	st.send(st.batch(e))
}

// tellEvent reports an event of a message.
func (st *stage) tellEvent(kind, from, to, inner string, known []string) {
	vhost := domainOf(from)
	if !local(from) || kind != eventOut && kind != eventIn {
		vhost = domainOf(to)
	}
	if e := event(kind, from, to, inner, known); e != "" {
		st.sendEvent(vhost, e)
	}
}

// caps are the attributes for the capabilities in a presence.
func caps(presence string) string {
	p, err := ParseElement(presence)
	if err != nil {
		return ""
	}
	var attrs strings.Builder
	for _, c := range p.Children {
		if c.Name.Local == "c" {
			for _, name := range []string{"node", "ver", "hash"} {
				fmt.Fprintf(&attrs, " %s='%s'", name, escape(c.Attr[name]))
			}
		}
	}
	return attrs.String()
}

// hello is what the source sends after each connection: kept events, its own description, and every open session.
func (st *stage) hello() {
	for _, e := range st.kept {
		st.send(st.batch(e))
	}
	st.kept = nil
	st.sendEvent(domain, "<hello v='1' module='story 1' server='story' hosts='"+domain+" second.example' tells='handed acked unacked offline bounce dropped session roster removed'/>")
	st.mu.Lock()
	var here []string
	for full, key := range st.people.keys {
		if list, online := st.people.devices[full]; online {
			managed := ""
			if slices.Contains(list, "sm") {
				managed = " sm='1' r='1'"
			}
			here = append(here, fmt.Sprintf("<here s='%s' k='%s'%s p='1'/>", escape(full), key, managed))
		}
	}
	st.mu.Unlock()
	slices.Sort(here)
	for _, event := range here {
		st.sendEvent(domain, event)
	}
}

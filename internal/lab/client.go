package lab

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mellium.im/sasl"

	"tocsin/address"
	"tocsin/xep/caps"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

const (
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsSASL2   = "urn:xmpp:sasl:2"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsSM      = "urn:xmpp:sm:3"
	nsCarbons = "urn:xmpp:carbons:2"
	nsBlock   = "urn:xmpp:blocking"
)

// Client is a user's session on a server. It answers automatically as its profile says; everything else it receives can be
// expected by the test. Its methods fail the test if the server does not respond as they need.
type Client struct {
	stream
	addr, domain, user, password, resource string

	own     sync.Mutex // guards the following
	profile Profile
	open    bool     // the chat window is open: messages are displayed on arrival
	newest  *Element // the last message with a body, for Read
	handled uint32   // XEP-0198: stanzas received since enabling
	managed bool     // XEP-0198 is on
	resume  string   // XEP-0198: the id to resume by
	quiet   bool     // XEP-0198: answers no <r/>
	deaf    bool     // discards what it receives
	lastID  int
}

// JID is the client's full JID.
func (c *Client) JID() string { return c.Bare() + "/" + c.resource }

// Bare is the client's bare JID.
func (c *Client) Bare() string { return c.user + "@" + c.domain }

func newClient(t testing.TB, script *transcript, addr, jid, password string, p Profile) *Client {
	bare, resource, _ := strings.Cut(jid, "/")
	user, domain, _ := strings.Cut(bare, "@")
	return &Client{
		stream: stream{t: t, name: user + "/" + resource, script: script},
		addr:   addr, domain: domain, user: user, password: password, resource: resource, profile: p,
	}
}

// Connect logs in and binds the resource; it sends no presence.
func (c *Client) Connect() {
	c.t.Helper()
	if err := c.connect(); err != nil {
		c.t.Fatalf("%s: connect: %v", c.name, err)
	}
	c.listen(c.handle)
}

func (c *Client) connect() error {
	if err := c.login(); err != nil {
		return err
	}
	c.own.Lock()
	c.managed, c.handled = false, 0
	c.own.Unlock()
	if err := c.put(fmt.Sprintf("<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>", nsBind, Escape(c.resource))); err != nil {
		return err
	}
	bound, err := c.answer()
	if err != nil {
		return err
	}
	if jid := bound.Find("bind/jid"); jid == nil || !c.is(jid.Text) {
		return fmt.Errorf("bind: %s", bound)
	}
	return nil
}

// is reports whether the server, which may stamp prepared addresses, means this client's account.
func (c *Client) is(jid string) bool {
	bound, err := address.Parse(jid)
	own, ownErr := address.Parse(c.JID())
	return err == nil && ownErr == nil && bound.Bare().Equal(own.Bare())
}

// login opens the stream, authenticates by SCRAM and opens the stream again.
func (c *Client) login() error {
	if err := c.dial(c.addr); err != nil {
		return err
	}
	features, err := c.features(c.header())
	if err != nil {
		return err
	}
	var offered []string
	for _, m := range features.All("mechanisms/mechanism") {
		offered = append(offered, m.Text)
	}
	if err := c.authenticate(offered); err != nil {
		return err
	}
	c.restart()
	_, err = c.features(c.header())
	return err
}

func (c *Client) header() string {
	return fmt.Sprintf("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", c.domain)
}

func (c *Client) features(header string) (*Element, error) {
	if _, err := c.stream.open(header); err != nil {
		return nil, err
	}
	features, err := c.answer()
	if err != nil {
		return nil, err
	}
	if features.Name.Local != "features" {
		return nil, fmt.Errorf("no features but %s", features)
	}
	return features, nil
}

func (c *Client) authenticate(offered []string) error {
	n := sasl.NewClient(sasl.ScramSha1, sasl.RemoteMechanisms(offered...),
		sasl.Credentials(func() (user, password, identity []byte) { return []byte(c.user), []byte(c.password), nil }))
	_, initial, err := n.Step(nil)
	if err != nil {
		return err
	}
	err = c.put(fmt.Sprintf("<auth xmlns='%s' mechanism='SCRAM-SHA-1'>%s</auth>", nsSASL, base64.StdEncoding.EncodeToString(initial)))
	for err == nil {
		e, err := c.answer()
		if err != nil {
			return err
		}
		if e.Name.Local != "challenge" && e.Name.Local != "success" {
			return fmt.Errorf("SASL: %s", e)
		}
		challenge, err := base64.StdEncoding.DecodeString(e.Text)
		if err != nil {
			return err
		}
		_, response, err := n.Step(challenge)
		if err != nil {
			return err
		}
		if e.Name.Local == "success" {
			return nil
		}
		if err := c.put(fmt.Sprintf("<response xmlns='%s'>%s</response>", nsSASL, base64.StdEncoding.EncodeToString(response))); err != nil {
			return err
		}
	}
	return err
}

// handle answers automatically as the profile says; what no test needs stays out of the inbox.
func (c *Client) handle(e *Element) (kept bool) {
	c.own.Lock()
	if c.deaf {
		c.own.Unlock()
		return true
	}
	p, open := c.profile, c.open
	stanza := e.Name.Space == "jabber:client"
	if e.Name.Space == nsSM && e.Name.Local == "enabled" {
		c.managed, c.handled, c.resume = true, 0, e.Attr("id")
	}
	if c.managed && stanza {
		c.handled++ // XEP-0198 §4
	}
	handled, quiet := c.handled, c.quiet
	if e.Name.Local == "message" && e.Attr("type") != "error" && e.Has("body") {
		c.newest = e
	}
	c.own.Unlock()

	switch {
	case e.Name.Space == nsSM && e.Name.Local == "r":
		if !quiet {
			_ = c.put(fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsSM, handled))
		}
		return true
	case e.Name.Local == "iq" && (e.Attr("type") == "get" || e.Attr("type") == "set"):
		return c.answerIQ(p, e)
	case e.Name.Local == "message":
		c.confirm(p, open, e)
	}
	return false
}

func (c *Client) answerIQ(p Profile, iq *Element) (kept bool) {
	answer := func(typ, payload string) {
		_ = c.put(fmt.Sprintf("<iq type='%s' id='%s'%s>%s</iq>", typ, Escape(iq.Attr("id")), toward(iq.Attr("from")), payload))
	}
	switch {
	case iq.Has("{" + caps.NSInfo + "}query"):
		answer("result", p.query(iq.Find("query").Attr("node")))
	case iq.Has("{urn:xmpp:ping}ping"), iq.Has("{jabber:iq:roster}query"):
		answer("result", "")
	case iq.Has("{" + nsBlock + "}block"), iq.Has("{" + nsBlock + "}unblock"):
		answer("result", "")
	default: // RFC 6120 §8.2.3: every request is answered
		answer("error", "<error type='cancel'><service-unavailable xmlns='"+nsStanzas+"'/></error>")
		return false
	}
	return true
}

func toward(jid string) string {
	if jid == "" {
		return ""
	}
	return " to='" + Escape(jid) + "'"
}

// confirm sends the profile's receipt and marker for a message.
func (c *Client) confirm(p Profile, open bool, m *Element) {
	id, from := m.Attr("id"), m.Attr("from")
	if m.Attr("type") == "error" || m.Attr("type") == "groupchat" || id == "" {
		return
	}
	if p.Receipts && m.Has("{"+receipts.NS+"}request") {
		to := from
		if p.ReceiptsBare {
			to = bare(from)
		}
		c.say(to, fmt.Sprintf("<received xmlns='%s' id='%s'/>", receipts.NS, Escape(id)))
	}
	if open && m.Has("body") {
		c.display(p, m)
	}
}

// display sends the marker for a displayed message, if the profile does.
func (c *Client) display(p Profile, m *Element) (sent bool) {
	if !p.Markers || !p.Unasked && !m.Has("{"+markers.NS+"}markable") {
		return false
	}
	c.say(bare(m.Attr("from")), fmt.Sprintf("<displayed xmlns='%s' id='%s'/>", markers.NS, Escape(m.Attr("id"))))
	return true
}

// say sends a chat message with a new id from the reading goroutine, where the test can't be failed.
func (c *Client) say(to, payload string) {
	_ = c.put(fmt.Sprintf("<message type='chat' id='%s'%s>%s</message>", c.fresh(), toward(to), payload))
}

func (c *Client) fresh() string {
	c.own.Lock()
	defer c.own.Unlock()
	c.lastID++
	return c.resource + "-" + strconv.Itoa(c.lastID)
}

func bare(jid string) string {
	b, _, _ := strings.Cut(jid, "/")
	return b
}

package lab

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

// Actions of a person with a client, so that tests read like the stories they tell.

// Say sends a chat message, with the profile's payloads and further ones.
func (c *Client) Say(to, id, body string, payloads ...string) {
	c.t.Helper()
	c.Send("%s", fmt.Sprintf("<message type='chat' id='%s' to='%s'><body>%s</body>%s%s</message>",
		Escape(id), Escape(to), Escape(body), c.Profile().asks(), strings.Join(payloads, "")))
}

// SendPayload sends a chat message without a body: receipts, markers or reactions made by the test. It returns the message's id.
func (c *Client) SendPayload(to, payload string) (own string) {
	c.t.Helper()
	own = c.fresh()
	c.Send("%s", fmt.Sprintf("<message type='chat' id='%s' to='%s'>%s</message>", own, Escape(to), payload))
	return own
}

// Receive sends a receipt for a message, whatever the profile (XEP-0184).
func (c *Client) Receive(to, id string) (own string) {
	c.t.Helper()
	return c.SendPayload(to, fmt.Sprintf("<received xmlns='%s' id='%s'/>", receipts.NS, Escape(id)))
}

// Display sends a displayed marker for a message, whatever the profile (XEP-0333).
func (c *Client) Display(to, id string) (own string) {
	c.t.Helper()
	return c.SendPayload(to, fmt.Sprintf("<displayed xmlns='%s' id='%s'/>", markers.NS, Escape(id)))
}

// Read reads the newest message received: a marker is sent if the profile sends one for it. It reports whether one was.
func (c *Client) Read() bool {
	c.t.Helper()
	c.own.Lock()
	p, m := c.profile, c.newest
	c.own.Unlock()
	if m == nil {
		c.t.Fatalf("%s: no message to read", c.name)
	}
	return c.display(p, m)
}

// Open opens the chat window: from now on every message is read on arrival. Shut ends that.
func (c *Client) Open() { c.set(func() { c.open = true }) }

// Shut closes the chat window.
func (c *Client) Shut() { c.set(func() { c.open = false }) }

// Profile is what the client does automatically.
func (c *Client) Profile() Profile {
	c.own.Lock()
	defer c.own.Unlock()
	return c.profile
}

// Become changes the profile.
func (c *Client) Become(p Profile) { c.set(func() { c.profile = p }) }

// Quiet makes the client acknowledge no stanzas (XEP-0198), like one whose connection has died unnoticed.
func (c *Client) Quiet() { c.set(func() { c.quiet = true }) }

// Deaf makes the client lose everything sent to it, like one that has lost its network before its server has noticed. After
// Drop and Resume it gets it.
func (c *Client) Deaf() { c.set(func() { c.deaf = true }) }

func (c *Client) set(change func()) {
	c.own.Lock()
	defer c.own.Unlock()
	change()
}

// Available sends presence with the profile's caps and further payloads.
func (c *Client) Available(payloads ...string) {
	c.t.Helper()
	c.Send("%s", "<presence>"+c.Profile().caps()+strings.Join(payloads, "")+"</presence>")
}

// Greet sends directed presence with the profile's caps, as capable clients do to the component.
func (c *Client) Greet(to string) {
	c.t.Helper()
	c.Send("%s", fmt.Sprintf("<presence to='%s'>%s</presence>", Escape(to), c.Profile().caps()))
}

// Unavailable sends unavailable presence; the stream stays.
func (c *Client) Unavailable() {
	c.t.Helper()
	c.Send("<presence type='unavailable'/>")
}

// Close ends the session like a client closed by its user.
func (c *Client) Close() {
	c.t.Helper()
	c.Send("<presence type='unavailable'/></stream:stream>")
	c.ExpectEnd()
	c.reader.Wait()
}

// Query sends an IQ and returns the response, result or error. An empty to means the user's own account.
func (c *Client) Query(typ, to, payload string) *Element {
	c.t.Helper()
	id := c.fresh()
	c.Send("%s", fmt.Sprintf("<iq type='%s' id='%s'%s>%s</iq>", typ, id, toward(to), payload))
	return c.Wait(Timeout, "an answer to "+payload, func(e *Element) bool {
		return e.Name.Local == "iq" && e.Attr("id") == id && slices.Contains([]string{"result", "error"}, e.Attr("type"))
	})
}

// Must is Query for a result: an error fails the test.
func (c *Client) Must(typ, to, payload string) *Element {
	c.t.Helper()
	answer := c.Query(typ, to, payload)
	if answer.Attr("type") != "result" {
		c.t.Fatalf("%s: %s: %s", c.name, payload, answer)
	}
	return answer
}

// Sync returns when the server has handled everything that the client sent before.
func (c *Client) Sync() {
	c.t.Helper()
	c.Must("get", c.domain, "<ping xmlns='urn:xmpp:ping'/>")
}

// Carbons asks for copies of the other resources' messages (XEP-0280).
func (c *Client) Carbons() {
	c.t.Helper()
	c.Must("set", "", "<enable xmlns='"+nsCarbons+"'/>")
}

// Block blocks a JID (XEP-0191).
func (c *Client) Block(jid string) {
	c.t.Helper()
	c.Must("set", "", fmt.Sprintf("<block xmlns='%s'><item jid='%s'/></block>", nsBlock, Escape(jid)))
}

// Befriend makes two users contacts of each other: each sees the other's presence.
func Befriend(a, b *Client) {
	a.t.Helper()
	subscribe := func(from, to *Client) {
		from.Send("<presence type='subscribe' to='%s'/>", to.Bare())
		to.Expect("presence[@type='subscribe'][@from='%s']", from.Bare())
		to.Send("<presence type='subscribed' to='%s'/>", from.Bare())
		from.Expect("presence[@type='subscribed'][@from='%s']", to.Bare())
	}
	subscribe(a, b)
	subscribe(b, a)
}

// Manage switches stream management on, with resumption (XEP-0198 §3).
func (c *Client) Manage() {
	c.t.Helper()
	c.Send("<enable xmlns='%s' resume='true'/>", nsSM)
	c.Expect("{%s}enabled", nsSM)
	c.Sync() // what hangs on the server's hooks is notified after the answer
}

// Resume resumes a dropped session on a new connection (XEP-0198 §5); the server resends what was not acknowledged.
func (c *Client) Resume() {
	c.t.Helper()
	if err := c.login(); err != nil {
		c.t.Fatalf("%s: resume: %v", c.name, err)
	}
	resume := c.resumption()
	c.listen(c.handle)
	c.Send("%s", resume)
	c.Expect("{%s}resumed", nsSM)
}

// ResumeInline is Resume during authentication (XEP-0388 §5.4, XEP-0198).
func (c *Client) ResumeInline() {
	c.t.Helper()
	if err := c.dial(c.addr); err != nil {
		c.t.Fatalf("%s: resume: %v", c.name, err)
	}
	if _, err := c.features(c.header()); err != nil {
		c.t.Fatalf("%s: resume: %v", c.name, err)
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + c.user + "\x00" + c.password))
	resume := c.resumption()
	c.listen(c.handle)
	c.Send("<authenticate xmlns='%s' mechanism='PLAIN'><initial-response>%s</initial-response>%s</authenticate>", nsSASL2, plain, resume)
	c.Expect("{%s}success/{%s}resumed", nsSASL2, nsSM)
}

// resumption requests the resumption of the dropped session.
func (c *Client) resumption() string {
	c.own.Lock()
	defer c.own.Unlock()
	c.quiet, c.deaf = false, false
	return fmt.Sprintf("<resume xmlns='%s' h='%d' previd='%s'/>", nsSM, c.handled, Escape(c.resume))
}

// Package survival runs the real program and puts it through faults: it is killed or paused, its disk fills up, its database
// goes away. docs/design/survival.md has what must hold then.
package survival

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/track"
	"tocsin/xep/escalation"
)

const (
	domain    = "example.org"
	component = "tocsin.example.org"
	secret    = "a secret that no log may hold"
	number    = "+8613800138000"
	ns        = escalation.NS

	undeliveredAfter = 2 * time.Second
	unreadAfter      = 4 * time.Second
)

// server plays an XMPP server with our Prosody module: it sends copies, keeps them while the component is away, and records
// the replies.
type server struct {
	*fakeserver.Server
	*audit
	keeps bool                 // copies while the component is away, like the module
	plain bool                 // all clients are ordinary ones
	alone bool                 // there is one instance at a time: late stanzas on an old connection are a dead instance's
	lag   func() time.Duration // of a component in this process

	mu      sync.Mutex
	peer    *fakeserver.Peer           // the current connection; nil: the component is away
	newest  *fakeserver.Peer           // the latest connection
	arrived map[*fakeserver.Peer]int64 // bytes received on older ones when the next was made: they may be read late
	over    map[*fakeserver.Peer]bool  // connections of instances told to end, or killed: their stanzas may be read late
	streams int                        // number of streams so far
	online  []string                   // full JIDs, all capable
	backlog []string
	lost    int // copies that could not be sent
	replies map[string]chan *fakeserver.Element
	asked   int
}

// newServer starts a server whose users have the same features as alice/phone.
func newServer(t *testing.T, a *audit, users ...string) *server {
	t.Helper()
	fake, err := fakeserver.Listen(component, secret)
	if err != nil {
		t.Fatal(err)
	}
	s := play(t, fake, a, users...)
	fake.Start()
	return s
}

// play is newServer without a listener.
func play(t testing.TB, fake *fakeserver.Server, a *audit, users ...string) *server {
	s := &server{Server: fake, audit: a, keeps: true, replies: map[string]chan *fakeserver.Element{}, over: map[*fakeserver.Peer]bool{}, arrived: map[*fakeserver.Peer]int64{}}
	for _, user := range users {
		s.online = append(s.online, user+"@"+domain+"/phone")
	}
	fake.Answer = s.handle
	ctx, stop := context.WithCancel(context.Background())
	var accepting sync.WaitGroup
	accepting.Go(func() { s.welcome(ctx) })
	t.Cleanup(func() {
		stop()
		fake.Close()
		accepting.Wait()
	})
	return s
}

// settings are the settings of a component on the server.
func (s *server) settings(more lab.Settings) lab.Settings {
	settings := lab.Settings{
		"track.undelivered_after": undeliveredAfter, "track.unread_after": unreadAfter, "track.grace": "200ms",
		"escalate.per_conversation_per_day": 0, "escalate.per_recipient_per_day": 0, "escalate.per_sender_per_hour": 0,
	}
	for key, value := range more {
		settings[key] = value
	}
	return settings
}

// lab is the server as a lab.Server.
func (s *server) lab() *lab.Server {
	return &lab.Server{Options: lab.Options{Component: component, Secret: secret, Hosts: []string{domain}}, ComponentAddr: s.Addr()}
}

// welcome sends every new connection the presence of all, and the kept copies.
func (s *server) welcome(ctx context.Context) {
	for {
		peer, err := s.Accept(ctx)
		if err != nil {
			return
		}
		s.mu.Lock()
		var received int64
		if s.newest != nil {
			received = s.newest.Received() // before the newest one can say anything
		}
		first := append(s.backlog, s.presence(s.online...)...) // as the module does
		s.backlog = nil
		for _, copied := range first {
			if peer.Send(copied) != nil {
				break
			}
		}
		if s.newest != nil {
			s.arrived[s.newest] = received
		}
		s.peer, s.newest = peer, peer
		s.streams++
		s.mu.Unlock()
	}
}

func (s *server) presence(fulls ...string) (copies []string) {
	for _, full := range fulls {
		copies = append(copies, wrap("presence", track.At(time.Now()), fmt.Sprintf("<presence xmlns='jabber:client' from='%s'/>", full)))
	}
	return copies
}

// arrive brings users online.
func (s *server) arrive(users ...string) {
	var fulls []string
	for _, user := range users {
		fulls = append(fulls, user+"@"+domain+"/phone")
	}
	s.mu.Lock()
	s.online = append(s.online, fulls...)
	s.mu.Unlock()
	s.bring(s.presence(fulls...)...)
}

// leave takes them offline.
func (s *server) leave(users ...string) {
	var copies []string
	s.mu.Lock()
	for _, user := range users {
		full := user + "@" + domain + "/phone"
		s.online = slices.DeleteFunc(s.online, func(o string) bool { return o == full })
		copies = append(copies, wrap("presence", track.At(time.Now()), fmt.Sprintf("<presence xmlns='jabber:client' type='unavailable' from='%s'/>", full)))
	}
	s.mu.Unlock()
	s.bring(copies...)
}

// bring sends copies to the component, or keeps them until it is back.
func (s *server) bring(copies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, copied := range copies {
		switch {
		case s.peer != nil && s.peer.Send(copied) == nil:
		case s.keeps:
			s.peer = nil
			s.backlog = append(s.backlog, copied)
		default:
			s.peer = nil
			s.lost++
		}
	}
}

// ends records that the live instance is about to end.
func (s *server) ends() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over[s.newest] = true
}

// made returns the number of streams so far.
func (s *server) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

// wrap makes the module's copy of a stanza.
func wrap(event string, at track.Time, inner string) string {
	return fmt.Sprintf("<message from='%s' to='%s' type='normal'><tap xmlns='urn:tocsin:tap:0' event='%s'/>"+
		"<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='%s'/>%s</forwarded></message>",
		domain, component, event, at.Std().Format("2006-01-02T15:04:05.000Z"), inner)
}

// handle is called for everything that the component sends.
func (s *server) handle(p *fakeserver.Peer, e *fakeserver.Element) bool {
	if e.Attr["to"] == component {
		return fakeserver.AnswerPings(p, e)
	}
	id := e.Attr["id"]
	switch kind := e.Attr["type"]; {
	case e.Name.Local == "message":
		s.heard(e, time.Now())
		s.mu.Lock()
		old := p != s.newest && s.newest != nil && !s.alone && !s.over[p] && e.End > s.arrived[p]
		s.mu.Unlock()
		if old {
			s.note("it was sent by one that is live no more: %s", e.XML)
		}
	case e.Name.Local == "iq" && kind == "get":
		p.Send(s.answer(e)) //nolint:errcheck // the component may be gone
	case e.Name.Local == "iq" && (kind == "result" || kind == "error"):
		s.mu.Lock()
		if reply := s.replies[id]; reply != nil {
			reply <- e
			delete(s.replies, id)
		}
		s.mu.Unlock()
	}
	return true
}

// answer answers for the clients: a phone shows states and prompts, a desk sends receipts and markers only. There are no
// vCards.
func (s *server) answer(e *fakeserver.Element) string {
	to, from, id := e.Attr["to"], e.Attr["from"], e.Attr["id"]
	const info = "http://jabber.org/protocol/disco#info"
	features := []string{info, "urn:xmpp:chat-markers:0", "urn:xmpp:receipts"}
	desk := strings.HasSuffix(to, "/desk")
	if !desk {
		features = append(features, ns, escalation.NSSMS)
	}
	s.mu.Lock()
	there := desk || slices.Contains(s.online, to)
	s.mu.Unlock()
	if s.plain || !there || e.Child(info, "query") == nil {
		return fmt.Sprintf("<iq type='error' from='%s' to='%s' id='%s'><error type='cancel'>"+
			"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", to, from, id)
	}
	var list strings.Builder
	for _, feature := range features {
		fmt.Fprintf(&list, "<feature var='%s'/>", feature)
	}
	return fmt.Sprintf("<iq type='result' from='%s' to='%s' id='%s'><query xmlns='%s'><identity category='client' type='phone'/>%s</query></iq>",
		to, from, id, info, list.String())
}

// answerPrompt answers a prompt like a client; it reports whether the component has accepted the answer.
func (s *server) answerPrompt(ctx context.Context, full, prompt, action string) bool {
	reply := make(chan *fakeserver.Element, 1)
	s.mu.Lock()
	s.asked++
	id := fmt.Sprintf("answer-%d", s.asked)
	s.replies[id] = reply
	peer := s.peer
	s.mu.Unlock()
	if peer == nil || peer.Send(fmt.Sprintf("<iq type='set' from='%s' to='%s' id='%s'><answer xmlns='%s' prompt='%s' action='%s'/></iq>",
		full, component, id, ns, prompt, action)) != nil {
		return false
	}
	select {
	case e := <-reply:
		return e.Attr["type"] == "result"
	case <-ctx.Done():
		return false
	}
}

// answering answers prompts until ctx ends.
func (s *server) answering(ctx context.Context) {
	turn := time.NewTicker(100 * time.Millisecond)
	defer turn.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
		}
		prompt, owner, about, ok := s.open()
		if !ok {
			continue
		}
		action := []string{"sent", "declined", "failed"}[n%3]
		within, cancel := context.WithTimeout(ctx, time.Second)
		if s.answerPrompt(within, owner+"/phone", prompt, action) {
			s.took(prompt, about)
		}
		cancel()
	}
}

// patiently polls until a condition holds.
func patiently(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(within); !is(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

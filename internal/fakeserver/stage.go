package fakeserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// stage is the server's side of a story, with the stanzas received from the component.
type stage struct {
	subject Subject
	shape   Shape
	config  string
	server  *Server
	peer    *Peer // nil while there is no stream
	running bool
	vars    vars
	backlog []string // copies that the module keeps while the component is away
	asked   int      // number of the story's own requests
	batches int      // of events
	kept    []keptEvent

	mu     sync.Mutex
	people people
	deaf   *Peer      // anything from it is discarded with the stream
	seen   []*Element // not yet expected, oldest first
}

func newStage(subject Subject, shape Shape, config string) *stage {
	st := &stage{subject: subject, shape: shape, server: New(component, secret), vars: vars{}, people: newPeople()}
	var base strings.Builder
	fmt.Fprintf(&base, "component.jid = %q\ncomponent.server = \"127.0.0.1:5347\"\ncomponent.secret = %q\nmetrics.listen = \"\"\n", component, secret)
	if !strings.Contains(config, "[tap]") {
		fmt.Fprintf(&base, "tap.domains = [%q, \"second.example\"]\n", domain)
	}
	st.config = base.String() + config
	st.server.Answer = st.handle
	return st
}

// handle is called for everything that the component sends.
func (st *stage) handle(p *Peer, e *Element) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if p == st.deaf {
		return true
	}
	if e.Attr["to"] == component {
		return AnswerPings(p, e)
	}
	if e.Name.Local == "iq" && e.Attr["type"] == "set" && len(e.Children) == 1 && e.Children[0].Name.Space == nsEvents { // an acknowledgement, or a request for the state of the source
		p.Send(fmt.Sprintf("<iq type='result' from='%s' to='%s' id='%s'/>", escape(e.Attr["to"]), escape(e.Attr["from"]), escape(e.Attr["id"]))) //nolint:errcheck // the stream may have ended
		return true
	}
	st.seen = append(st.seen, e)
	if e.Name.Local == "iq" && (e.Attr["type"] == "get" || e.Attr["type"] == "set") {
		if answer := st.people.answer(e); answer != "" {
			p.Send(answer) //nolint:errcheck // the stream may have ended
		}
	}
	return true
}

// start runs the component and waits until it is connected.
func (st *stage) start() error {
	if st.running {
		return errors.New("already running")
	}
	if err := st.subject.Start(st.config, st.server.Dial, st.texted); err != nil {
		return err
	}
	st.running = true
	return st.connected()
}

// texted is called for every SMS that the component sends.
func (st *stage) texted(to, from, text string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	e, err := ParseElement(fmt.Sprintf("<sms to='%s' from='%s'>%s</sms>", escape(to), escape(from), escape(text)))
	if err != nil {
		panic(err) // escaped text
	}
	st.seen = append(st.seen, e)
}

// connected waits for the component's connection, and delivers what the server has kept for it.
func (st *stage) connected() error {
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		synctest.Wait()
		select {
		case st.peer = <-st.server.peers:
		default:
			if wait > time.Minute {
				return errors.New("the component did not connect")
			}
			time.Sleep(wait)
			continue
		}
		break
	}
	if st.people.granted {
		st.send(grant(domain))
	}
	for _, copy := range st.backlog {
		st.send(copy)
	}
	st.backlog = nil
	if st.shape == Events {
		st.hello()
	}
	if st.shape == Module {
		for _, full := range slices.Sorted(maps.Keys(st.people.devices)) {
			st.presence(full, "", false)
		}
	}
	synctest.Wait()
	return nil
}

func grant(vhost string) string {
	return fmt.Sprintf("<message from='%s' to='%s'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='get'/></privilege></message>", vhost, component)
}

func (st *stage) close() {
	if st.running {
		st.subject.Crash()
	}
	st.server.Close()
	synctest.Wait()
}

// send sends the component a stanza, which is lost if there is no stream.
func (st *stage) send(xml string) {
	if st.peer != nil {
		st.peer.Send(xml) //nolint:errcheck // a stanza may be lost
	}
}

// tell sends the tap's copies of a stanza. Our module keeps them while the component is away.
func (st *stage) tell(event, from, to, inner string, known ...string) {
	if st.shape == Events {
		st.tellEvent(event, from, to, inner, known)
		return
	}
	for _, copy := range st.shape.copies(event, from, to, inner, time.Now(), st.people.there(bareOf(to))) {
		if st.peer == nil && st.shape == Module && event != eventPresence {
			st.backlog = append(st.backlog, copy)
			continue
		}
		st.send(copy)
	}
}

// presence is sent by the taps that report presence, and to the component by a Tocsin-aware client.
func (st *stage) presence(full, kind string, directed bool) {
	st.mu.Lock()
	list := st.people.devices[full]
	broadcast, own := st.people.presence(full, "", kind), st.people.presence(full, component, kind)
	st.mu.Unlock()
	switch {
	case st.shape != Events:
		st.tell(eventPresence, full, bareOf(full), broadcast)
	case kind == "":
		st.session(full, "opened", "")
		if slices.Contains(list, "sm") {
			st.session(full, "managed", " r='1'")
		}
		st.session(full, "presence", caps(broadcast))
	default:
		st.session(full, "closed", " why='left'")
	}
	if directed {
		st.send(strings.Replace(own, " xmlns='jabber:client'", "", 1))
	}
	synctest.Wait()
}

// request sends an IQ of a user and returns the response.
func (st *stage) request(from, kind, payload string) (*Element, error) {
	st.asked++
	id := "story-" + strconv.Itoa(st.asked)
	st.send(fmt.Sprintf("<iq type='%s' from='%s' to='%s' id='%s'>%s</iq>", kind, escape(from), component, id, payload))
	var answers []*Element
	for waited := time.Duration(0); len(answers) == 0 && waited < time.Second; waited += moment {
		synctest.Wait()
		st.mu.Lock()
		st.seen = slices.DeleteFunc(st.seen, func(e *Element) bool {
			is := e.Name.Local == "iq" && e.Attr["id"] == id && e.Attr["to"] == from
			if is {
				answers = append(answers, e)
			}
			return is
		})
		st.mu.Unlock()
		if len(answers) == 0 {
			time.Sleep(moment)
		}
	}
	if len(answers) != 1 {
		return nil, fmt.Errorf("%d answers instead of one", len(answers))
	}
	return answers[0], nil
}

// expect removes the oldest stanza that matches. It allows for a component that has to wait a moment, for example for a
// locked database.
func (st *stage) expect(p *Element) error {
	for waited := time.Duration(0); ; waited += moment {
		synctest.Wait()
		if st.takeSeen(p) {
			return nil
		}
		if waited >= time.Second {
			st.mu.Lock()
			defer st.mu.Unlock()
			return fmt.Errorf("not received; received instead:%s", list(st.seen))
		}
		time.Sleep(moment)
	}
}

const moment = 10 * time.Millisecond

func (st *stage) takeSeen(p *Element) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	for i, e := range st.seen {
		if st.vars.try(p, e) {
			st.seen = slices.Delete(st.seen, i, i+1)
			return true
		}
	}
	return false
}

// expectNot reports an error if a received stanza matches.
func (st *stage) expectNot(p *Element) error {
	synctest.Wait()
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, e := range st.seen {
		if st.vars.try(p, e) {
			return fmt.Errorf("received:%s", list([]*Element{e}))
		}
	}
	return nil
}

// expectNothing reports an error if anything unexpected was received, except requests and presence.
func (st *stage) expectNothing() error {
	synctest.Wait()
	st.mu.Lock()
	defer st.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(st.seen), func(e *Element) bool {
		return e.Name.Local == "presence" || e.Name.Local == "iq" && e.Attr["type"] == "get"
	})
	if len(rest) > 0 {
		return fmt.Errorf("received:%s", list(rest))
	}
	return nil
}

func list(stanzas []*Element) string {
	if len(stanzas) == 0 {
		return " nothing"
	}
	var b strings.Builder
	for _, e := range stanzas {
		b.WriteString("\n\t" + e.XML)
	}
	return b.String()
}

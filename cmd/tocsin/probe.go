package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/component/intake"
	"tocsin/component/queue"
	"tocsin/component/session"
	"tocsin/config"
	"tocsin/xep/caps"
	"tocsin/xep/privilege"
)

// probe is a short-lived connection with which check observes the server.
type probe struct {
	session *session.Session
	cancel  context.CancelFunc
	up      chan struct{} // closed when the stream is up
	ended   chan struct{} // closed when the stream has ended
	err     error         // the reason; read after ended is closed
	answers sync.WaitGroup
	refuse  func(*session.Stanza)

	mu       sync.Mutex
	copies   map[string]int // tapped copies by the address they come from
	messages int            // stored messages delivered to the component
	presence string
	news     queue.Signal // something above has changed
}

// startProbe connects, and returns when the stream is up or the connection has failed.
func startProbe(ctx context.Context, conf *config.Config) *probe {
	ctx, cancel := context.WithCancel(ctx)
	p := &probe{
		session: session.New(session.Options{
			JID: jid.MustParse(conf.Component.JID), Server: conf.Component.Server, Secret: string(conf.Component.Secret), DialWithin: answerWithin,
		}),
		cancel: cancel, up: make(chan struct{}), ended: make(chan struct{}),
		copies: map[string]int{}, news: queue.NewSignal(),
	}
	p.refuse = func(s *session.Stanza) {
		p.session.Send(ctx, session.Error(s, stanza.ServiceUnavailable, stanza.Cancel, nil))
	}
	limits := intake.Limits{Bytes: int(conf.Tap.MaxStanza)}
	go func() {
		defer close(p.ended)
		p.err = p.session.Once(ctx, session.Inbound{
			Handler: p, Up: func() { close(p.up) },
			Wrap: func(c net.Conn) net.Conn { return intake.NewConn(c, limits, p.receive) },
		})
	}()
	select {
	case <-p.ended:
	case <-p.up:
	}
	return p
}

// connected reports whether the stream came up.
func (p *probe) connected() bool { return isClosed(p.up) }

// close ends the stream. lost reports that it had ended before, err the reason.
func (p *probe) close() (err error, lost bool) {
	lost = isClosed(p.ended)
	p.cancel()
	<-p.ended
	p.answers.Wait()
	return p.err, lost
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// answerWithin is how long a domain has to answer a request.
const answerWithin = 5 * time.Second

// queryHosts queries several domains concurrently.
func (p *probe) queryHosts(ctx context.Context, domains []string) []host {
	hosts := make([]host, len(domains))
	var asked sync.WaitGroup
	for i, domain := range domains {
		asked.Go(func() { hosts[i] = p.queryHost(ctx, domain) })
	}
	asked.Wait()
	return hosts
}

// Features of a domain with mod_tocsin, and the form with the details (docs/PROTOCOL.md §10).
var tapFeatures = []string{"urn:tocsin:tap:0", "urn:tocsin:tap:1"}

const tapForm = "urn:tocsin:tap"

func (p *probe) queryHost(ctx context.Context, domain string) host {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	h := host{domain: domain}
	var info caps.Info
	if h.err = p.session.Query(ctx, domain, "get", &caps.Info{}, &info); h.err != nil {
		return h
	}
	for _, identity := range info.Identities {
		if identity.Category == "server" {
			h.software = identity.Name
		}
	}
	for _, feature := range info.Features {
		h.tap = h.tap || slices.Contains(tapFeatures, feature.Var)
	}
	for _, form := range info.Forms {
		if valueOf(form, "FORM_TYPE") == tapForm {
			h.module, h.target = valueOf(form, "module"), strings.ToLower(valueOf(form, "component"))
		}
	}
	return h
}

func valueOf(form caps.Form, name string) string {
	for _, field := range form.Fields {
		if field.Var == name && len(field.Values) > 0 {
			return field.Values[0]
		}
	}
	return ""
}

// entityTime is a request for the time, and its response (XEP-0202).
type entityTime struct {
	XMLName xml.Name `xml:"urn:xmpp:time time"`
	UTC     string   `xml:"utc,omitempty"`
}

// time asks a domain for its clock.
func (p *probe) time(ctx context.Context, domain string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var answer entityTime
	if err := p.session.Query(ctx, domain, "get", &entityTime{}, &answer); err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, answer.UTC)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of %s: %w", domain, err)
	}
	return at, nil
}

func (p *probe) hasCopies() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.copies) > 0
}

// receive counts tapped copies.
func (p *probe) receive(frame []byte) {
	var c struct {
		From string `xml:"from,attr"`
		Tap  *struct {
			Event string `xml:"event,attr"`
		} `xml:"tap"`
		Forwarded struct {
			Presence *struct{} `xml:"presence"`
		} `xml:"urn:xmpp:forward:0 forwarded"`
	}
	if xml.Unmarshal(frame, &c) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.copies[strings.ToLower(c.From)]++
	if c.Forwarded.Presence != nil {
		p.presence = presenceByTap
	}
	if c.Tap != nil && c.Tap.Event == "out" {
		p.messages++
	}
	p.news.Set()
}

// Message implements session.Handler.
func (p *probe) Message(s *session.Stanza) {
	for _, ns := range []string{privilege.NS, privilege.NS1} {
		var a privilege.Advertisement
		if child := s.Child(ns, "privilege"); child != nil && child.Decode(&a) == nil && a.Grants().Presence {
			p.mu.Lock()
			p.presence = presenceByPrivilege
			p.news.Set()
			p.mu.Unlock()
		}
	}
}

// Presence implements session.Handler.
func (p *probe) Presence(*session.Stanza) {}

// IQ implements session.Handler: all requests are refused.
func (p *probe) IQ(s *session.Stanza) {
	p.answers.Go(func() { p.refuse(s) })
}

package main

import (
	"context"
	"encoding/xml"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/stanza"

	"tocsin/address"
	"tocsin/component/intake"
	"tocsin/component/session"
	"tocsin/config"
	"tocsin/xep/privilege"
)

// probe is the short-lived connection by which check sees what the server does.
type probe struct {
	session *session.Session
	answers sync.WaitGroup
	ctx     context.Context

	mu       sync.Mutex
	copies   map[string]int // tapped copies by the address they come from
	messages int            // copies of messages that the server had kept
	presence string
	news     chan struct{} // something above has changed; has room for one
}

// checkServer connects as the component, and looks what comes.
func checkServer(ctx context.Context, conf *config.Config, f *findings, wait time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	up, ended := make(chan struct{}), make(chan struct{})
	p := newProbe(ctx, conf)
	limits := intake.Limits{Bytes: int(conf.Tap.MaxStanza)}
	var err error // why it ended
	go func() {
		defer close(ended)
		err = p.session.Once(ctx, session.Inbound{
			Handler: p, Up: func() { close(up) },
			Wrap: func(c net.Conn) net.Conn { return intake.NewConn(c, limits, p.taken) },
		})
	}()
	select {
	case <-ended:
	case <-up:
	}
	module := false
	if isClosed(up) {
		f.ok("stream", "connected to %s as %s", conf.Component.Server, conf.Component.JID)
		if module = checkModule(ctx, conf, p, f); !module {
			p.await(ended, wait)
		}
	}
	lost := isClosed(ended)
	cancel()
	<-ended
	p.answers.Wait()
	if lost {
		f.fail("stream", "%s", refusal(conf, err))
		return
	}
	p.checkTap(conf, f, module, wait)
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// refusal tells what to change when the connection is not made.
func refusal(conf *config.Config, err error) string {
	key := "component.server"
	if errors.Is(err, session.ErrNotAuthorized) {
		key = "component.secret"
	}
	if err == nil {
		return conf.Where(key) + ": stopped"
	}
	return conf.Where(key) + ": " + oneLine(err)
}

// checkModule asks the users' domains whether they load mod_tocsin, and tells if they all do.
func checkModule(ctx context.Context, conf *config.Config, p *probe, f *findings) bool {
	var with, without []string
	for _, domain := range conf.Tap.Domains {
		if p.hasModule(ctx, domain) {
			with = append(with, domain)
		} else {
			without = append(without, domain)
		}
	}
	switch {
	case len(with) == 0:
		return false
	case len(without) > 0:
		f.fail("tap", "mod_tocsin is loaded on %s, but not on %s (%s)", list(with), list(without), conf.Where("tap.domains"))
	default:
		f.ok("tap", "mod_tocsin is loaded on %s", list(with))
	}
	return true
}

// featureTap is what a VirtualHost of Prosody says that loads mod_tocsin.
const featureTap = "urn:tocsin:tap:0"

func (p *probe) hasModule(ctx context.Context, domain string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var info struct {
		XMLName  xml.Name `xml:"http://jabber.org/protocol/disco#info query"`
		Features []struct {
			Var string `xml:"var,attr"`
		} `xml:"feature"`
	}
	if p.session.Ask(ctx, domain, "get", &info, &info) != nil {
		return false
	}
	for _, feature := range info.Features {
		if feature.Var == featureTap {
			return true
		}
	}
	return false
}

func newProbe(ctx context.Context, conf *config.Config) *probe {
	domain, err := address.Parse(conf.Component.JID)
	if err != nil { // the configuration was checked
		panic(err)
	}
	p := &probe{ctx: ctx, copies: map[string]int{}, news: make(chan struct{}, 1)}
	p.session = session.New(session.Options{
		JID: domain, Server: conf.Component.Server, Secret: string(conf.Component.Secret),
	})
	return p
}

// await waits for the first copy of the tap, or the end of the stream.
func (p *probe) await(ended <-chan struct{}, wait time.Duration) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for !p.sawCopies() {
		select {
		case <-p.news:
		case <-timeout.C:
			return
		case <-ended:
			return
		}
	}
}

func (p *probe) sawCopies() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.copies) > 0
}

// checkTap tells what came.
func (p *probe) checkTap(conf *config.Config, f *findings, module bool, waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var believed, foreign []string
	for _, from := range slices.Sorted(maps.Keys(p.copies)) {
		if slices.Contains(conf.Tap.Domains, from) {
			believed = append(believed, from)
		} else {
			foreign = append(foreign, from)
		}
	}
	if len(foreign) > 0 {
		f.fail("tap", "copies come from %s, which is not in tap.domains: they are not believed (%s)", list(foreign), conf.Where("tap.domains"))
	}
	switch {
	case len(believed) > 0 && !module:
		f.ok("tap", "copies come from %s", list(believed))
	case len(foreign) == 0 && !module:
		f.fail("tap", "no copy came in %s (%s): %s", roughly(waited), conf.Where("tap.domains"), tapAdvice)
	}
	if p.messages > 0 {
		f.note("tap", "%s that the server kept while Tocsin was away came to this check: they won't be watched", counted(int64(p.messages), "message"))
	}
	if module && p.presence == "" {
		p.presence = presenceByTap
	}
	checkPresence(f, p.presence)
}

// taken sees each tapped copy.
func (p *probe) taken(frame []byte) {
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
	p.tell()
}

func (p *probe) tell() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// Message implements session.Handler.
func (p *probe) Message(s *session.Stanza) {
	for _, ns := range []string{privilege.NS, privilege.NS1} {
		var a privilege.Advertisement
		if child := s.Child(ns, "privilege"); child != nil && child.Decode(&a) == nil && a.Grants().Presence {
			p.mu.Lock()
			p.presence = presenceByPrivilege
			p.tell()
			p.mu.Unlock()
		}
	}
}

// Presence implements session.Handler.
func (p *probe) Presence(*session.Stanza) {}

// IQ implements session.Handler: nothing is served.
func (p *probe) IQ(s *session.Stanza) {
	p.answers.Go(func() {
		p.session.Send(p.ctx, session.Error(s, stanza.ServiceUnavailable, stanza.Cancel, nil))
	})
}

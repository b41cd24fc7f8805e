package main

import (
	"bytes"
	"context"
	"crypto/sha1" // XEP-0115 requires it
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/xep/caps"
	"tocsin/xep/escalation"
	"tocsin/xep/hints"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

const (
	connectWithin = 30 * time.Second
	answerWithin  = 20 * time.Second
)

// message is a message stanza with the elements that this client writes and reads.
type message struct {
	XMLName xml.Name `xml:"message"`
	From    string   `xml:"from,attr,omitempty"`
	To      string   `xml:"to,attr,omitempty"`
	Type    string   `xml:"type,attr,omitempty"`
	ID      string   `xml:"id,attr,omitempty"`
	Body    string   `xml:"body,omitempty"`

	Request   *receipts.Request
	Received  *receipts.Received
	Markable  *markers.Markable
	Displayed *markers.Displayed
	Track     *escalation.Track
	Store     *hints.Store // so that receipts and markers reach a sender who is offline
	Delay     *struct {
		Stamp string `xml:"stamp,attr"`
	} `xml:"urn:xmpp:delay delay"`

	Status   []escalation.Status `xml:"urn:tocsin:escalation:0 status"`
	Statuses *escalation.Statuses
	Escalate *escalation.Escalate
	Withdraw *escalation.Withdraw
	SMSReply *escalation.SMSReply
}

type presence struct {
	XMLName xml.Name `xml:"presence"`
	To      string   `xml:"to,attr,omitempty"`
	Caps    caps.Caps
}

// info is the client's identity and features. It supports SMS by printing the link.
var info = caps.Info{
	Identities: []caps.Identity{{Category: "client", Type: "console", Name: "tocsin-chat"}},
	Features: []caps.Feature{
		{Var: "http://jabber.org/protocol/caps"}, {Var: "http://jabber.org/protocol/disco#info"},
		{Var: escalation.NS}, {Var: escalation.NSSMS}, {Var: markers.NS}, {Var: receipts.NS},
	},
}

const capsNode = "urn:tocsin:chat"

// wire is the session with the server.
type wire struct {
	xmpp *xmpp.Session
	tcp  net.Conn
	once sync.Once
	caps caps.Caps
}

func connect(ctx context.Context, o options) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	server := o.Server
	if server == "" {
		server = net.JoinHostPort(o.JID.Domainpart(), "5222")
	}
	tcp, err := (&net.Dialer{}).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	features := []xmpp.StreamFeature{
		xmpp.SASL("", o.Password, sasl.ScramSha256, sasl.ScramSha1),
		xmpp.BindResource(),
	}
	var state xmpp.SessionState
	if addr, ok := tcp.RemoteAddr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
		state = xmpp.Secure // unencrypted on loopback
	} else {
		features = append(features, xmpp.StartTLS(&tls.Config{ServerName: o.JID.Domainpart(), MinVersion: tls.VersionTLS12}))
	}
	negotiator := xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
		return xmpp.StreamConfig{Features: features}
	})
	session, err := xmpp.NewSession(ctx, o.JID.Domain(), o.JID, tcp, state, negotiator)
	if err != nil {
		tcp.Close()
		return nil, fmt.Errorf("log in as %s: %w", o.JID.Bare(), err)
	}
	ver, err := info.Ver(sha1.New())
	if err != nil {
		return nil, err
	}
	return &wire{xmpp: session, tcp: tcp, caps: caps.Caps{Node: capsNode, Hash: "sha-1", Ver: ver}}, nil
}

func (w *wire) close() {
	w.once.Do(func() {
		_ = w.xmpp.Close()
		_ = w.tcp.Close()
	})
}

// serve passes on messages and answers disco#info until the stream ends.
func (w *wire) serve(ctx context.Context, incoming chan<- message) error {
	err := w.xmpp.Serve(xmpp.HandlerFunc(func(t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
		d := xml.NewTokenDecoder(xmlstream.MultiReader(xmlstream.Token(*start), t))
		switch start.Name.Local {
		case "message":
			var m message
			if d.Decode(&m) != nil {
				return nil // malformed: ignored
			}
			select {
			case incoming <- m:
			case <-ctx.Done():
			}
		case "iq":
			var q struct {
				stanza.IQ
				Info *caps.Info
			}
			if d.Decode(&q) != nil || q.Type != stanza.GetIQ || q.Info == nil {
				return nil // mellium answers with an error
			}
			answer := info
			answer.Node = q.Info.Node
			return t.Encode(struct {
				stanza.IQ
				Info caps.Info
			}{stanza.IQ{Type: stanza.ResultIQ, ID: q.ID, To: q.From}, answer})
		}
		return nil
	}))
	if ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// arrive sends presence, finds the service among the items of the user's own server, and tells it that we are online. It
// returns the service's domain, or "".
func (w *wire) arrive(ctx context.Context) (service string, err error) {
	if err := w.xmpp.Encode(ctx, presence{Caps: w.caps}); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	list := disco.FetchItems(ctx, items.Item{JID: w.xmpp.LocalAddr().Domain()}, w.xmpp)
	var candidates []jid.JID
	for list.Next() {
		if j := list.Item().JID; j.Localpart() == "" && j.Resourcepart() == "" && list.Item().Node == "" {
			candidates = append(candidates, j)
		}
	}
	if err := errors.Join(list.Err(), list.Close()); err != nil {
		return "", fmt.Errorf("find the service: %w", err)
	}
	for _, j := range candidates {
		found, err := disco.GetInfo(ctx, "", j, w.xmpp)
		if err != nil {
			continue // it is down or refuses
		}
		for _, f := range found.Features {
			if f.Var == escalation.NS {
				return j.String(), w.xmpp.Encode(ctx, presence{To: j.String(), Caps: w.caps})
			}
		}
	}
	return "", nil
}

func (w *wire) send(ctx context.Context, m message) error { return w.xmpp.Encode(ctx, m) }

// answer answers a prompt; fault is the condition of the service's error, "" if it accepted.
func (w *wire) answer(ctx context.Context, service string, a escalation.Answer) (fault string, err error) {
	to, err := jid.Parse(service)
	if err != nil {
		return "", err
	}
	payload, err := xml.Marshal(a)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err = w.xmpp.UnmarshalIQElement(ctx, xml.NewDecoder(bytes.NewReader(payload)), stanza.IQ{To: to, Type: stanza.SetIQ}, nil)
	var refused stanza.Error
	switch {
	case errors.As(err, &refused):
		return string(refused.Condition), nil
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing", nil
	}
	return "", err
}

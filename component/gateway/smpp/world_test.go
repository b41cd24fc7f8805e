package smpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/gateway"
	"tocsin/internal/sink"
)

const ref = "0123456789abcdef0123456789abcdef"

// smsc is a scripted SMSC at the other end of net.Pipe. Its script returns the responses to a PDU, or nil.
type smsc struct {
	mu     sync.Mutex
	script func(*link, pdu) []pdu
	links  []*link
	dials  int
	dead   bool // nobody listens
	text   []string
}

// link is one connection.
type link struct {
	*smsc
	conn    net.Conn
	writing sync.Mutex
	got     chan pdu // responses of the ESME
}

func (s *smsc) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.dead {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	l := &link{smsc: s, conn: far, got: make(chan pdu, 100)}
	s.links = append(s.links, l)
	go l.serve()
	return near, nil
}

// dialed returns how often it was dialed.
func (s *smsc) dialed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

func (l *link) serve() {
	defer l.conn.Close()
	for {
		p, err := readPDU(l.conn)
		if err != nil {
			return
		}
		if p.command&response != 0 {
			l.got <- p
			continue
		}
		l.mu.Lock()
		script := l.script
		l.mu.Unlock()
		for _, answer := range script(l, p) {
			l.send(answer)
		}
	}
}

func (l *link) send(p pdu) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.conn.Write(p.bytes()) //nolint:errcheck // the other end may be closed
}

func (s *smsc) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, text)
}

func (s *smsc) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.text...)
}

func (s *smsc) last() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[len(s.links)-1]
}

// polite responds to everything with success, and assigns ids.
func polite(l *link, p pdu) []pdu {
	var w writer
	switch p.command {
	case bindTransceiver, bindTransmitter, bindReceiver:
		l.say(fmt.Sprintf("bind %d", p.command))
		w.text("SMSC")
	case submitSM:
		m, _ := parseMessage(p.body)
		l.say("submit " + m.dest.addr)
		w.text(fmt.Sprintf("A%d", p.seq))
	case unbind:
		l.say("unbind")
	}
	return []pdu{p.response(statusOK, w.b)}
}

// answering is polite, but handles submissions differently.
func answering(script func(*link, pdu) []pdu) func(*link, pdu) []pdu {
	return func(l *link, p pdu) []pdu {
		if p.command == submitSM {
			return script(l, p)
		}
		return polite(l, p)
	}
}

// world is a gateway connected to a scripted SMSC.
type world struct {
	*Gateway
	smsc *smsc
	sink *sink.Keeper
	log  *strings.Builder
	stop func()
}

// run runs a test in a synctest bubble, and checks that everything has ended afterwards.
func run(t *testing.T, r Route, script func(*link, pdu) []pdu, story func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r.Name, r.Address = "r", "smsc.example.org:2775"
		w := &world{smsc: &smsc{script: script}, sink: sink.New(), log: &strings.Builder{}}
		var err error
		if w.Gateway, err = New(r, w.sink, slog.New(slog.NewTextHandler(w.log, nil)), w.smsc.dial); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var ran sync.WaitGroup
		ran.Go(func() { w.Run(ctx) })
		w.stop = func() { cancel(); ran.Wait() }
		synctest.Wait()
		story(t, w)
		w.stop()
		for _, secret := range []string{"13800138000", "Hello", "s3cret"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("logged %q", w.log)
			}
		}
	})
}

func (w *world) submit(ctx context.Context, text string) gateway.Answer {
	return w.Submit(ctx, gateway.Submission{Ref: ref, To: "+8613800138000", From: "+15550009999", Text: text, Validity: time.Minute})
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pdu{})); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// deliver sends a deliver_sm or data_sm, and returns the status of the response.
func (w *world) deliver(t *testing.T, command uint32, m *message) uint32 {
	t.Helper()
	l := w.smsc.last()
	body := m.body()
	if command == dataSM {
		var d writer
		d.text("")
		d.party(m.source)
		d.party(m.dest)
		d.octets(m.class, 0, m.coding)
		d.tlv(tagMessagePayload, m.short)
		for _, v := range m.tlvs {
			d.tlv(v.tag, v.value)
		}
		body = d.b
	}
	l.send(pdu{command: command, seq: 7, body: body})
	select {
	case p := <-l.got:
		synctest.Wait() // for work done after the response
		if p.command != command|response || p.seq != 7 || string(p.body) != "\x00" {
			t.Errorf("answered %+v", p)
		}
		return p.status
	case <-time.After(time.Minute):
		t.Fatal("no answer")
		return 0
	}
}

package outbox

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/component/clock"
	"tocsin/component/session"
	"tocsin/internal/fakeserver"
	"tocsin/track"
)

// connection is a session with a server played by the test.
type connection struct {
	session *session.Session
	server  *fakeserver.Server
	peer    *fakeserver.Peer
}

// connected runs a session in a bubble of testing/synctest until tell returns.
func connected(t *testing.T, tell func(*testing.T, *connection)) {
	synctest.Test(t, func(t *testing.T) {
		server := fakeserver.New("tocsin.example.org", "secret")
		server.Answer = fakeserver.AnswerPings
		c := &connection{server: server, session: session.New(session.Options{
			JID: jid.MustParse(server.Domain), Secret: server.Secret, Dial: server.Dial, Log: slog.New(slog.DiscardHandler), Clock: clock.System{},
		})}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := c.session.Run(ctx, session.Inbound{Handler: deaf{}}); err != nil {
				t.Error(err)
			}
		})
		var err error
		if c.peer, err = server.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(t, c)
		stop()
		running.Wait()
		server.Close()
	})
}

// cut breaks the stream.
func (c *connection) cut() {
	c.peer.Cut()
	synctest.Wait()
}

// deaf is a session.Handler.
type deaf struct{}

func (deaf) IQ(*session.Stanza)       {}
func (deaf) Message(*session.Stanza)  {}
func (deaf) Presence(*session.Stanza) {}

// strangers are people without settings.
type strangers struct{}

func (strangers) Of(bare string) track.Prefs             { return track.Prefs{JID: bare} }
func (strangers) Language(string, ...string) string      { return "en" }
func (strangers) Zone(string) *time.Location             { return time.UTC }
func (strangers) Locate(context.Context, string, string) {}

// shelf is a store of messages.
type shelf struct{ messages []track.Message }

func (s *shelf) Pending(context.Context) ([]track.Outgoing, error)       { return nil, nil }
func (s *shelf) Prompts(context.Context, string) ([]track.Prompt, error) { return nil, nil }
func (s *shelf) Messages(_ context.Context, sender string, f track.Filter) (list []track.Message, err error) {
	for _, m := range s.messages {
		if m.Sender == sender && m.Notice.Rev > f.AfterRev && (f.Limit == 0 || len(list) < f.Limit) {
			list = append(list, m)
		}
	}
	return list, nil
}

// inputs records inputs, and has one message.
type inputs struct {
	snapshot track.Message
	waiting  []track.Message
	overdue  bool

	mu  sync.Mutex
	put []track.Input
}

func (i *inputs) Push(in track.Input, _ func(error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.put = append(i.put, in)
}

func (i *inputs) Do(_ context.Context, in track.Input) error {
	switch in := in.(type) {
	case *track.Snapshot:
		in.Found, in.Messages = true, []track.Message{i.snapshot}
	case *track.Overdue:
		in.OK, in.Message, in.Waiting = i.overdue, i.snapshot, i.waiting
	}
	return nil
}

// take returns the inputs since the last call.
func (i *inputs) take() []track.Input {
	i.mu.Lock()
	defer i.mu.Unlock()
	put := i.put
	i.put = nil
	return put
}

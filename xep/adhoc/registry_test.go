package adhoc_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/xep/adhoc"
)

type form struct{}

// desk is a registry with one command of two stages.
type desk struct {
	*adhoc.Registry[form]
	t   *testing.T
	now time.Time
	in  func() // called within the first stage
}

func newDesk(t *testing.T, o adhoc.Options) *desk {
	d := &desk{t: t, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), in: func() {}}
	d.Registry = adhoc.New(o, adhoc.Command[form]{
		Node: "n", Name: func(string) string { return "n" },
		Run: func(_ context.Context, r adhoc.Request[form]) (adhoc.Response[form], error) {
			if r.Stage > 0 {
				d.in()
				return adhoc.Done[form]("done"), nil
			}
			return adhoc.Continue(&form{}), nil
		},
	})
	return d
}

// begin opens a form, a second after the last one, and returns its session.
func (d *desk) begin(from string) string {
	d.t.Helper()
	d.now = d.now.Add(time.Second)
	p, err := d.Handle(context.Background(), d.now, jid.MustParse(from), "en", adhoc.Payload[form]{Node: "n"})
	if err != nil {
		d.t.Fatalf("%s was refused: %v", from, err)
	}
	return p.SessionID
}

// goesOn reports whether a form can still be submitted.
func (d *desk) goesOn(from, session string) bool {
	d.t.Helper()
	_, err := d.Handle(context.Background(), d.now, jid.MustParse(from), "en", adhoc.Payload[form]{Node: "n", SessionID: session, Action: adhoc.Complete, Form: &form{}})
	if err != nil && err.Condition != adhoc.SessionExpired {
		d.t.Fatalf("%s: %v", from, err)
	}
	return err == nil
}

// However many accounts leave forms open, users with the fewest sessions keep theirs: the least recently used one of the user
// with the most ends.
func TestSessionsAreShared(t *testing.T) {
	d := newDesk(t, adhoc.Options{Total: 100, PerUser: 8, Idle: time.Hour})
	hog := func(i, j int) string { return fmt.Sprintf("hog%d@example.org/%d", i, j) }
	var first string
	for i := range 20 {
		for j := range 8 {
			if s := d.begin(hog(i, j)); i == 0 && j == 0 {
				first = s
			}
		}
	}
	admin := d.begin("admin@example.org/x")
	for i := range 20 {
		d.begin(hog(i, 9))
	}
	if !d.goesOn("admin@example.org/x", admin) {
		t.Error("the admin's session ended")
	}
	if d.goesOn(hog(0, 0), first) {
		t.Error("the oldest session of a user with many is still there")
	}
}

// Opening one form too many ends that user's own least recently used session, and nobody else's.
func TestSessionsOfOneUser(t *testing.T) {
	d := newDesk(t, adhoc.Options{PerUser: 2})
	other := d.begin("bob@example.org/x")
	one, two := d.begin("alice@example.org/x"), d.begin("alice@example.org/y")
	three := d.begin("alice@example.org/x")
	for _, tt := range []struct {
		from, session string
		want          bool
	}{{"alice@example.org/x", one, false}, {"alice@example.org/y", two, true}, {"alice@example.org/x", three, true}, {"bob@example.org/x", other, true}} {
		if got := d.goesOn(tt.from, tt.session); got != tt.want {
			t.Errorf("%s: still open: %t", tt.from, got)
		}
	}
}

// A running stage is not ended: if every session is busy, a further form is refused.
func TestSessionsAllBusy(t *testing.T) {
	d := newDesk(t, adhoc.Options{Total: 1})
	session := d.begin("alice@example.org/x")
	d.in = func() {
		_, err := d.Handle(context.Background(), d.now, jid.MustParse("bob@example.org/x"), "en", adhoc.Payload[form]{Node: "n"})
		if err == nil || err.Stanza.Condition != "resource-constraint" {
			t.Errorf("bob: %v", err)
		}
	}
	if !d.goesOn("alice@example.org/x", session) {
		t.Error("alice's session ended")
	}
}

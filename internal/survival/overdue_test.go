package survival

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/internal/fakeserver"
	"tocsin/track"
)

// Of a thousand alarms that fell due in an outage, those with evidence in the backlog do not fire; the others wait for the
// grace period, and fire at FireRate; and those of one user do not delay the others.
func TestOverdue(t *testing.T) {
	const (
		grace    = 10 * time.Second
		rate     = 100
		messages = 1000
		people   = 100 // the senders of one half; the other half is one user's
	)
	synctest.Test(t, func(t *testing.T) {
		users := []string{"busy"}
		for i := range people {
			users = append(users, fmt.Sprintf("user%d", i))
		}
		s := play(t, fakeserver.New(component, secret), newAudit(), users...)
		s.came = map[string][]time.Time{}
		inProcess(t, s, "sqlite:"+filepath.Join(t.TempDir(), "tocsin.db"), grace, rate)
		busy := "busy@" + domain
		var keys []track.Key
		for i := range messages {
			key := track.Key{Sender: busy, Recipient: fmt.Sprintf("r%d@%s", i, domain), ID: fmt.Sprintf("m%d", i)}
			if i%2 == 1 {
				key.Sender = fmt.Sprintf("user%d@%s", i/2%people, domain)
			}
			keys = append(keys, key)
			s.write(key, track.At(time.Now()))
		}
		time.Sleep(time.Second)

		s.Refuse("connection")
		s.cut()
		time.Sleep(10 * time.Minute) // all of them are overdue
		flow := &traffic{server: s}
		read := map[track.Key]bool{}
		for i, key := range keys {
			if i%10 < 3 {
				read[key] = true
				flow.marker(key)
			}
		}
		s.audit.mu.Lock()
		s.came = map[string][]time.Time{}
		s.audit.mu.Unlock()
		s.Refuse("")
		made := s.made()
		for s.made() == made {
			time.Sleep(10 * time.Millisecond)
		}
		up := time.Now()
		time.Sleep(5 * time.Minute)

		s.audit.mu.Lock()
		var asked, others []time.Duration
		for _, p := range s.prompts {
			after := p.at.Sub(up)
			asked = append(asked, after)
			if p.about[0].Sender != busy {
				others = append(others, after)
			}
			if read[p.about[0]] {
				t.Errorf("%v: prompted although the backlog says that it was read", p.about[0])
			}
		}
		came := s.came[busy]
		s.audit.mu.Unlock()
		slices.Sort(asked)
		slices.Sort(others)
		if want := messages - len(read); len(asked) != want {
			t.Fatalf("%d prompts, want %d", len(asked), want)
		}
		if first := asked[0]; first < grace-time.Second { // the stream is up a moment before we notice
			t.Errorf("the first came %s after the stream, within the grace period", first)
		}
		for i := rate + rate/5; i < len(asked); i++ {
			if within := asked[i] - asked[i-rate-rate/5]; within < time.Second {
				t.Fatalf("%d prompts within %s", rate+rate/5, within)
			}
		}
		last := others[len(others)-1]
		t.Logf("prompts came from %s on, those of %d people until %s, all until %s", asked[0], people, last, asked[len(asked)-1])
		if in := grace + time.Duration(messages-len(read))*time.Second/rate + 2*time.Second; last > in {
			t.Errorf("the last of the many came after %s, want %s", last, in)
		}
		const burst, steady = 200, 20
		for i := range came {
			j := min(i+burst+10*steady, len(came)-1)
			if n := j - i; n == burst+10*steady && came[j].Sub(came[i]) < 10*time.Second {
				t.Fatalf("one user got %d stanzas within %s", n, came[j].Sub(came[i]))
			}
		}
		s.report(t)
	})
}

// write sends a message that asks for everything.
func (s *server) write(key track.Key, at track.Time) { s.writeText(key, at, text) }

func (s *server) writeText(key track.Key, at track.Time, text string) {
	s.wrote(key, at)
	s.bring(wrap("out", at, fmt.Sprintf("<message xmlns='jabber:client' from='%s/phone' to='%s' type='chat' id='%s'><body>%s</body>"+
		"<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>", key.Sender, key.Recipient, key.ID, text)))
}

// cut breaks the stream.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer.Cut()
	s.peer = nil
}

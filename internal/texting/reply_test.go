package texting

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/routes"
	"tocsin/track"
)

// local is the part of an address that is compared, without the number of the story.
func local(jid string) string {
	name, _, _ := strings.Cut(jid, "@")
	return strings.TrimRight(name, "0123456789")
}

// reply is an SMS from Bob's phone.
func (s *story) reply(id, text string, change ...func(*gateway.Reply)) error {
	r := gateway.Reply{Route: "a", ID: id + " to " + s.who.alice, From: strings.TrimPrefix(s.who.number, "+"), Text: text}
	for _, c := range change {
		c(&r)
	}
	if len(text) > 3 {
		s.words = append(s.words, text)
	}
	return s.sender.Replied(s.t.Context(), r)
}

// handedOn are the replies that senders received.
func (s *story) handedOn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Values(s.handed)), ", ")
}

// status is the status of a message.
func (s *story) status(id string) track.Status {
	s.t.Helper()
	found, err := s.store.Messages(s.t.Context(), s.who.alice, track.Filter{ID: id, With: s.who.bob})
	if err != nil || len(found) != 1 {
		s.t.Fatal(id, found, err)
	}
	return found[0].Status
}

func TestReplies(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		tell := teller(t, on)
		is := func(t *testing.T, what string, got, want any) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		must := func(t *testing.T, err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		tell("it reads, once, and reaches who wrote", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			for range 2 {
				must(t, s.reply("1", "On my way"))
			}
			s.pass(time.Minute)
			is(t, "handed on", s.handedOn(), "alice<bob On my way")
			is(t, "status", s.status("m1"), track.Displayed)
			is(t, "told", strings.Join(s.life.told, " "), "timeout-undelivered escalated/sent displayed")
			is(t, "no SMS answers it", s.provider.onPhones(), 1)
		})
		tell("its words are nowhere once they are handed on", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			must(t, s.reply("1", "The words of the reply"))
			s.pass(time.Second)
			is(t, "handed on", s.handedOn(), "alice<bob The words of the reply")
			if _, err := s.store.Prune(t.Context(), track.At(s.clock.Now()), s.began, 1000); err != nil { // which erases
				t.Fatal(err)
			}
			files, err := filepath.Glob(on.file + "*")
			if must(t, err); on.name == "sqlite" && len(files) == 0 {
				t.Error("there are no files")
			}
			for _, file := range files {
				content, err := os.ReadFile(file)
				if must(t, err); bytes.Contains(content, []byte("The words of")) {
					t.Errorf("%s has them", filepath.Base(file))
				}
			}
		})
		tell("what could deceive is cleaned; nothing is nothing", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			must(t, s.reply("1", "\u202e\u200b\x07 \r\n"))
			is(t, "status", s.status("m1"), track.Pending)
			must(t, s.reply("2", "pay\u202eram\u2066\r\n\r\n\r\nnow\x1b[31m"))
			s.pass(time.Minute)
			is(t, "handed on", s.handedOn(), "alice<bob payram\n\nnow[31m")
		})
		tell("from nobody's phone, from a short code, from a number of ours", func(t *testing.T, s *story) {
			s.sms.Routes.From = []string{s.who.number} // somebody has bound our own
			s.send("m1")
			s.pass(3 * time.Minute)
			for _, from := range []string{"10690000", "CARRIER", "", "+8613700000000", s.who.number} {
				must(t, s.reply("from "+from, "hello", func(r *gateway.Reply) { r.From, r.To = from, s.who.number }))
			}
			is(t, "handed on", s.handedOn(), "")
			is(t, "status", s.status("m1"), track.Pending)
		})
		tell("HELP is answered, once, and handed on; nothing that comes from a number of ours is", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			for range 2 {
				must(t, s.reply("1", "Help!"))
				s.pass(time.Second)
			}
			is(t, "handed on", s.handedOn(), "alice<bob Help!")
			is(t, "SMS", strings.Join(s.provider.texts[1:], "|"), "example.org sends you an SMS when you have not read a chat message in time. Reply STOP to opt out.")
			for _, from := range []string{"10690000", "+8613700000009"} {
				must(t, s.reply("from "+from, "HELP", func(r *gateway.Reply) { r.From = from }))
			}
			s.sms.Routes.From = []string{s.who.number} // somebody has bound our own
			for _, text := range []string{"HELP", "STOP", "START"} {
				must(t, s.reply("own "+text, text))
			}
			s.pass(time.Minute)
			is(t, "SMS", len(s.provider.texts), 2)
		})
		tell("a phone that answers without end", func(t *testing.T, s *story) {
			s.send("m1")
			s.pass(3 * time.Minute)
			for i := range 60 {
				must(t, s.reply("auto "+time.Duration(i).String(), "I am driving"))
			}
			s.pass(time.Second)
			is(t, "handed on", len(s.handed), 20)
			is(t, "SMS", s.provider.onPhones(), 1)
			s.pass(time.Minute)
			must(t, s.reply("later", "Hello?"))
			s.pass(time.Second)
			is(t, "handed on", len(s.handed), 21)
		})
		tell("two people write: by another number, then by digits", func(t *testing.T, s *story) {
			s.sms.Routes.From = []string{"+8613700000001", "+8613700000002"}
			from := func(sender string) func(*track.Fact) { return func(f *track.Fact) { f.Sender = sender } }
			s.send("m1")
			s.send("m2", from("carol@example.org"))
			s.send("m3", from("dave@example.org"))
			s.pass(3 * time.Minute)
			is(t, "SMS", s.provider.onPhones(), 3)
			var lines []string
			list, err := s.store.Texts(t.Context(), s.began, 1000)
			must(t, err)
			byTag := map[int]track.Text{}
			for _, x := range list {
				lines = append(lines, x.From)
				byTag[x.Tag] = x
			}
			slices.Sort(lines)
			is(t, "from", strings.Join(lines, " "), "+8613700000001 +8613700000001 +8613700000002")
			tagged := byTag[2]
			if !slices.ContainsFunc(s.provider.texts, func(text string) bool {
				return strings.HasPrefix(text, "(2) the text of ") && strings.Contains(text, "\nTo answer, begin with 2.")
			}) {
				t.Errorf("SMS: %q", s.provider.texts)
			}
			to := func(number string) func(*gateway.Reply) { return func(r *gateway.Reply) { r.To = number } }
			must(t, s.reply("1", "whom do I answer?", to(tagged.From)))
			must(t, s.reply("again", "You?", to(tagged.From)))
			s.pass(time.Second)
			is(t, "handed on", s.handedOn(), "")
			is(t, "SMS", len(s.provider.texts), 4)
			if last := s.provider.texts[3]; !strings.HasPrefix(last, "Your reply was not passed on") || !strings.Contains(last, "Begin with 1 for ") || !strings.Contains(last, ", 2 for "+tagged.Sender+".") {
				t.Errorf("SMS: %q", last)
			}
			is(t, "from", s.provider.from[3], tagged.From)
			must(t, s.reply("2", "2 I answer you", to(tagged.From)))
			s.pass(time.Second)
			is(t, "handed on", s.handedOn(), local(tagged.Sender)+"<bob I answer you")
		})
	})
}

// TestReplyCrash ends an instance at each commit caused by a reply, before and after it. The provider repeats the call, as it
// got no response, and once more for no reason: the reply counts as reading, and is forwarded, as one stanza.
func TestReplyCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, on *database) {
		for at := (crash{commit: 1}); ; {
			s := newStory(t, on, routes.Never, script(says(gateway.Sent), says(gateway.Sent)))
			s.begin(crash{})
			s.send("m1")
			s.pass(3 * time.Minute)
			s.stop()
			s.begin(at)
			s.reply("1", "On my way") //nolint:errcheck // or it has crashed
			s.pass(time.Minute)
			crashed := s.crashed()
			s.stop()
			s.begin(crash{})
			for range 2 {
				if err := s.reply("1", "On my way"); err != nil {
					t.Error(err)
				}
			}
			s.pass(12 * time.Minute)
			if got := s.handedOn(); got != "alice<bob On my way" {
				t.Errorf("%+v: handed on %q", at, got)
			}
			if got := s.status("m1"); got != track.Displayed {
				t.Errorf("%+v: status %d", at, got)
			}
			if waiting, err := s.store.Pending(t.Context()); err != nil || slices.ContainsFunc(waiting, func(o track.Outgoing) bool { return o.Kind == track.OutReply && o.Owner == s.who.alice }) {
				t.Errorf("%+v: it is still in the outbox: %v", at, err)
			}
			s.stop()
			if s.asked > 0 {
				t.Errorf("%+v: asked %d times", at, s.asked)
			}
			switch {
			case !at.after && crashed:
				at.after = true
				continue
			case crashed:
				at = crash{commit: at.commit + 1}
				continue
			case at.commit < 3: // the reply, and that it was sent
				t.Errorf("only %d commits", at.commit-1)
			}
			return
		}
	})
}

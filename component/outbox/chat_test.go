package outbox

import (
	"context"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/track"
	"tocsin/xep/correct"
	"tocsin/xep/escalation"
)

// The chat messages about one prompt: messages that join correct the previous one, the end of a snooze is a new one; and each
// is the same stanza when repeated after a crash.
func TestPromptAsChatMessages(t *testing.T) {
	o := &Options{People: strangers{}, Store: unasked{}, Links: unasked{}, Names: unasked{}, Clock: clock.System{}, Contact: "sms@tocsin.example.org", Backlog: NewBacklog()}
	prompts := &prompter{o, newSender(o)}
	p := track.Prompt{ID: "p-x", Conv: track.Conv{Sender: "alice@example.org", Recipient: "bob@example.org"}, Code: "7f3c"}
	// sent returns the id of an entry's stanza, and of the message it corrects.
	sent := func(out track.Outgoing) (id, corrects string) {
		out.Owner, out.Prompt = p.Sender, p.ID
		shown := &track.Shown{Was: p, Chat: chatID(out, &p), Messages: []track.Message{{SentAt: track.At(time.Now())}}}
		p.Chat = shown.Chat // as the ledger keeps it, before the first byte leaves
		m, err := prompts.chatPrompt(t.Context(), out, shown, &escalation.Escalate{Text: &escalation.Text{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range m.Payload {
			if r, ok := payload.(correct.Replace); ok {
				corrects = r.ID
			}
		}
		return m.ID, corrects
	}
	entries := []track.Outgoing{{ID: "p-x-1"}, {ID: "p-x-2", More: true}, {ID: "p-x-3"}, {ID: "p-x-4", More: true}}
	var ids []string
	for i, of := range []int{-1, 0, -1, 2} {
		id, corrects := sent(entries[i])
		ids = append(ids, id)
		want := ""
		if of >= 0 {
			want = ids[of]
		}
		if corrects != want {
			t.Errorf("%s corrects %q, want %q", entries[i].ID, corrects, want)
		}
		if again, same := sent(entries[i]); again != id || same != corrects {
			t.Errorf("%s repeated is %q, which corrects %q", entries[i].ID, again, same)
		}
	}
}

// unasked is a store without other prompts.
type unasked struct{ Store }

func (unasked) PromptLink(context.Context, *track.Prompt) (string, error) { return "", nil }

func (unasked) Name(_ context.Context, _, contact string) string { return contact }

func (unasked) Prompts(context.Context, string) ([]track.Prompt, error) { return nil, nil }

package outbox

import (
	"testing"

	"tocsin/internal/expect"
	"tocsin/track"
)

// A resource that comes online is shown every open prompt once, also those that went to it before its greeting, and those that it
// had before it left.
func TestGreetingShowsWhatIsLacking(t *testing.T) {
	const alice, desk = "alice@example.org", "alice@example.org/desk"
	b := NewBacklog()
	b.showed(alice, "no greeting is pending", []string{phone})
	b.Arrived(phone)
	b.showed(alice, "sent meanwhile", []string{phone, desk})
	b.scheduleGreeting(alice, greeting{arrived: []string{desk}}, false) // it was sent to before that
	g, _ := b.popGreeting(alice)
	for prompt, tc := range map[string]struct{ shown, want []string }{
		"sent meanwhile":   {[]string{phone, desk}, []string{desk}},
		"had before":       {[]string{phone}, []string{phone, desk}},
		"never had":        {[]string{}, []string{phone, desk}},
		"of another phone": {[]string{"alice@example.org/old"}, []string{phone, desk}},
	} {
		expect.Equal(t, prompt, g.lacking(&track.Prompt{ID: prompt, Shown: tc.shown}, []string{phone, desk}), tc.want)
	}
	g = greeting{digest: true}
	expect.Equal(t, "nobody has arrived", len(g.lacking(&track.Prompt{Shown: []string{phone}}, []string{phone})), 0)
}

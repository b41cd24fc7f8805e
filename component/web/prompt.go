package web

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"

	"tocsin/component/phrase"
	"tocsin/component/sms"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// laterFor is how long "Not now" puts a prompt off.
const laterFor = 10 * time.Minute

// promptView is a prompt as shown on its page.
type promptView struct {
	What    string // who has not received or read what
	Number  string
	Text    string
	Link    template.URL // sms:
	Via     template.URL // xmpp:, a chat through Gateway
	Gateway string
	QR      template.HTML // of the link
	Known   bool          // the text is known
	Claimed bool          // by this page
	Sends   bool          // the component can send the SMS
	State   string        // changes with the prompt, so that the page can detect it
}

// showPrompt shows a prompt without claiming it.
func (s *Server) showPrompt(r *http.Request) (*reply, error) {
	o, err := s.promptView(r)
	if err != nil {
		return nil, err
	}
	return s.renderPrompt(r, o, o.Content.Text, nil), nil
}

// promptView finds the prompt of a link.
func (s *Server) promptView(r *http.Request) (PromptView, error) {
	t, ok, err := s.find(r.Context(), r.PathValue("token"), track.PromptPage)
	if err != nil || !ok {
		return PromptView{}, or(err, errGone)
	}
	o, ok, err := s.Prompts.PromptView(r.Context(), t.Prompt)
	if err != nil || !ok || o.Sender != t.Owner {
		return PromptView{}, or(err, errGone)
	}
	return o, nil
}

// renderPrompt renders a prompt with a text for the SMS, or a note if it is over.
func (s *Server) renderPrompt(r *http.Request, o PromptView, text string, notes []note) *reply {
	say := s.phrases(r, o.Sender)
	v := view{Title: say.Web.PromptTitle(o.Content.With), CSRF: s.csrf(r.PathValue("token")), Notes: notes}
	by := holder(o.Sender)
	switch {
	case !o.State.Live() || o.State == track.PromptSnoozed || s.Clock.Now().After(o.ExpiresAt.Std()):
		if len(notes) == 0 {
			v.Notes = []note{{Text: s.outcomeOf(say, o)}}
		}
		return s.render(r, o.Sender, "prompt.html", v)
	case o.State == track.PromptClaimed && o.Content.Under:
		v.Notes = append(notes, note{Text: say.Chat.Sending(o.Content.With)})
		return s.render(r, o.Sender, "prompt.html", v)
	case o.State == track.PromptClaimed && o.Claimer != by:
		v.Notes = append(notes, note{Text: say.Web.Elsewhere})
		return s.render(r, o.Sender, "prompt.html", v)
	}
	number := strings.TrimPrefix(o.Content.Number, "tel:")
	p := &promptView{
		What: say.Chat.What(o.Content), Number: number, Text: text, Known: o.Content.Text != "", Claimed: o.State == track.PromptClaimed, State: stateOf(o), Sends: o.Content.Sends,
	}
	if number != "" {
		link := sms.URI(number, sms.Clean(text))
		p.Link, p.QR = template.URL(link), qrCode(link) // a number in E.164, and a body that is percent-encoded
		p.Via, p.Gateway = template.URL(sms.ChatURI(number, o.Content.Gateway, sms.Clean(text))), o.Content.Gateway
	}
	v.Prompt = p
	return s.render(r, o.Sender, "prompt.html", v)
}

// outcomeOf returns the outcome of a prompt.
func (s *Server) outcomeOf(say *phrase.Phrases, o PromptView) string {
	now := s.Clock.Now().In(s.Users.Zone(o.Sender))
	switch o.State {
	case track.PromptWithdrawn:
		return say.Chat.Settled(o.Content.With, o.Withdrew, now, now)
	case track.PromptSnoozed:
		return say.Chat.Snoozed(o.Content.With, o.Until.Std().In(now.Location()), now, 0)
	case track.PromptSent, track.PromptDeclined, track.PromptFailed:
		if o.State == track.PromptSent && o.Until == 0 { // sent by the component
			return say.Chat.Settled(o.Content.With, track.WithdrawTexted, now, now)
		}
		return say.Chat.Settled(o.Content.With, track.WithdrawAnswered, now, now)
	}
	return say.Chat.Settled(o.Content.With, track.WithdrawExpired, o.ExpiresAt.Std().In(now.Location()), now)
}

// holder is the name under which a user's pages claim prompts: they count as one device.
func holder(owner string) string { return owner + "/page" }

// stateOf returns a value that changes whenever the page should be rendered again.
func stateOf(o PromptView) string {
	who := ""
	if o.State == track.PromptClaimed && o.Claimer != holder(o.Sender) {
		who = "elsewhere"
	}
	return hash(strings.Join([]string{string(rune('a' + o.State)), who, string(o.Withdrew), string(rune('a' + o.Sends%26))}, " "))[:8]
}

// promptState returns stateOf to an open page.
func (s *Server) promptState(r *http.Request) (*reply, error) {
	o, err := s.promptView(r)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"state": stateOf(o)})
	return &reply{body: body, kind: "application/json"}, err
}

// answerPrompt handles the answer to a prompt.
func (s *Server) answerPrompt(r *http.Request) (*reply, error) {
	o, err := s.promptView(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	if !s.isOwnForm(r, r.PathValue("token")) {
		return nil, errForm
	}
	text := r.PostFormValue("text")
	if len(text) > escalation.MaxText {
		text = text[:escalation.MaxText]
	}
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "")
	a := &track.Answer{Prompt: o.ID, By: holder(o.Sender), Action: track.AnswerAction(r.PostFormValue("action")), For: laterFor}
	if written := sms.Clean(text); a.Action == track.SendIt && written != sms.Clean(o.Content.Text) {
		a.Text = written
	}
	switch a.Action {
	case track.Claim, track.SentSMS, track.Declined, track.Snooze, track.SendIt:
	default:
		return s.renderPrompt(r, o, text, nil), nil // only the text changed
	}
	if err := s.Prompts.Answer(r.Context(), a); err != nil {
		return nil, err
	}
	say := s.phrases(r, o.Sender)
	var notes []note
	switch {
	case a.Action == track.SendIt && a.Verdict != track.Conflict:
		if a.Verdict != track.OK {
			notes = []note{{Text: say.Chat.NotFromHere(o.Content.With)}}
		}
	case a.Verdict != track.OK && a.Verdict != track.Conflict:
		notes = []note{{Text: say.Web.Changed}}
	case a.Verdict == track.OK && a.Action == track.Snooze:
		notes = []note{{Text: say.Web.Snoozed}}
	case a.Verdict == track.OK && a.Action != track.Claim:
		notes = []note{{Text: say.Web.Done}}
	}
	if o, err = s.promptView(r); err != nil {
		return nil, err
	}
	return s.renderPrompt(r, o, text, notes), nil
}

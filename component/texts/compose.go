package texts

import (
	"strings"

	"tocsin/component/gateway"
	"tocsin/component/phrase"
	"tocsin/component/routes"
	"tocsin/component/settings"
	"tocsin/component/sms"
	"tocsin/track"
)

// compose writes an SMS: the messages' own text, or a notice, as its sender has chosen; always a notice with a message whose text
// is not known, as of an encrypted one. It is in the language of who reads it.
func (s *Sender) compose(look *track.TextLook, o *settings.SMS, r *routes.Route) (gateway.Submission, int, error) {
	t, messages, all := &look.Was, look.Messages, s.Settings.Get()
	lang := s.People.Language(t.Recipient)
	fill := sms.Fill{Sender: t.Sender, Domain: track.Domain(t.Sender), Burst: len(messages) > 1}
	notice := all.Notice
	if own := s.People.Of(t.Sender).Strict().Text; own != "" {
		notice = own == "notice"
	}
	var texts []string
	for i := range messages {
		notice = notice || messages[i].Text == "" || messages[i].Marks.Has(track.Encrypted)
		texts = append(texts, messages[i].Text)
	}
	if !notice {
		fill.Text = strings.Join(texts, "\n")
	}
	m := gateway.Submission{
		Ref: t.ID, To: t.Number, From: o.Routes.Sender(r), Language: lang, Validity: o.Validity,
		Params: gateway.Params{Sender: t.Sender, Domain: fill.Domain},
	}
	after := ""
	if look.First && repliable(m.From) {
		after = "\n" + phrase.In(lang).SMS.Stop
	}
	text, segments, err := sms.Fit(all.Templates[lang], fill, all.TextLimit, o.Segments, after)
	m.Text = text
	return m, segments, err
}

// repliable reports whether a phone can answer what comes from a sender: not a name.
func repliable(from string) bool {
	return strings.Trim(from, "+0123456789") == ""
}

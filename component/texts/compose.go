package texts

import (
	"fmt"
	"strings"

	"tocsin/component/gateway"
	"tocsin/component/phrase"
	"tocsin/component/settings"
	"tocsin/component/sms"
	"tocsin/track"
)

// compose writes an SMS: the messages' own text, or a notice, as its sender has chosen; always a notice with a message whose text
// is not known, as of an encrypted one. It is in the language of who reads it.
func (s *Sender) compose(look *track.TextLook, o *settings.SMS, line track.Line) (gateway.Submission, int, error) {
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
		Ref: t.ID, To: t.Number, From: line.From, Language: lang, Validity: o.Validity,
		Params: gateway.Params{Sender: t.Sender, Domain: fill.Domain},
	}
	before, after, say := "", "", phrase.In(lang).SMS
	if line.Tag > 0 {
		before, after = fmt.Sprintf("(%d) ", line.Tag), "\n"+say.Answer(line.Tag)
	}
	if look.First && line.Answerable() {
		after += "\n" + say.Stop
	}
	text, segments, err := sms.Fit(all.Templates[lang], fill, all.TextLimit, o.Segments, before, after)
	m.Text = text
	return m, segments, err
}

package texts

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/phrase"
	"tocsin/component/routes"
	"tocsin/component/settings"
	"tocsin/component/sms"
	"tocsin/track"
)

// lineOf chooses the sender of an SMS. An SMS about messages gets a line of its own, so that replies can be matched; an automatic
// answer comes from the number that was written to.
func lineOf(look *track.TextSnapshot, o *settings.SMS, r *routes.Route) track.Line {
	t, senders := &look.Was, domesticFirst(o.Routes.Senders(r), look.Was.Number)
	l := track.Line{Route: r.Name}
	switch {
	case t.Kind == track.TextAbout:
		return track.ChooseLine(t.Conv, r.Name, senders, look.Lines)
	case len(senders) > 0:
		l.From = senders[0]
	}
	for _, s := range senders {
		if t.Kind.IsAnswer() && strings.TrimPrefix(s, "+") == strings.TrimPrefix(t.From, "+") {
			l.From = s
		}
	}
	return l
}

// compose composes an SMS, and counts its segments.
func (s *Sender) compose(look *track.TextSnapshot, o *settings.SMS, l track.Line) (gateway.Submission, int, error) {
	m := gateway.Submission{Ref: look.Was.ID, To: look.Was.Number, From: l.From, Validity: o.Validity}
	var n int
	var err error
	switch look.Was.Kind {
	case track.TextCode:
		s.composeCode(&m, look, l)
		n, _ = sms.Count(m.Text)
		if n > o.Segments {
			err = errTooLong
		}
	case track.TextAnswer, track.TextHelp:
		s.composeAnswer(&m, look)
		n, _ = sms.Count(m.Text)
	case track.TextWhom:
		s.composeWhom(&m, look, l)
		if n, _ = sms.Count(m.Text); n > o.Segments {
			err = errTooLong
		}
	case track.TextTest:
		n, err = s.composeTest(&m, look, o, l)
	default:
		n, err = s.composeAbout(&m, look, o, l)
	}
	return m, n, err
}

var errTooLong = errors.New("more segments than allowed")

// composeCode composes an SMS with a code. Its validity ends with the code's.
func (s *Sender) composeCode(m *gateway.Submission, look *track.TextSnapshot, l track.Line) {
	domain, say := track.Domain(look.Was.Recipient), phrase.In(look.Code.Language)
	m.Code, m.Language, m.Params = true, say.Lang, gateway.Params{Domain: domain, Code: look.Digits}
	m.Validity = min(m.Validity, max(look.Code.Expires.Std().Sub(s.Clock.Now()), time.Minute))
	m.Text = say.SMS.Code(look.Digits, domain)
	if look.First && l.Answerable() {
		m.Text += "\n" + say.SMS.Stop
	}
}

// composeAnswer composes the answer to STOP, START or HELP.
func (s *Sender) composeAnswer(m *gateway.Submission, look *track.TextSnapshot) {
	all := s.Settings.Get()
	domain, say := all.Tap.Domains[0], phrase.In(all.Language)
	m.Language, m.Text = say.Lang, say.SMS.Started(domain)
	switch {
	case look.Was.Kind == track.TextHelp:
		m.Text = say.SMS.Help(domain)
	case look.Stopped:
		m.Text = say.SMS.Stopped(domain)
	}
}

// composeWhom composes an SMS that says which digits choose whom a reply is for.
func (s *Sender) composeWhom(m *gateway.Submission, look *track.TextSnapshot, l track.Line) {
	senders, reader := map[int]string{}, ""
	for _, u := range look.Lines {
		if u.IsOf(l) {
			senders[u.Choice()], reader = u.Sender, u.Recipient
		}
	}
	var choices []phrase.Open
	for _, n := range slices.Sorted(maps.Keys(senders)) {
		choices = append(choices, phrase.Open{Code: strconv.Itoa(n), With: senders[n]})
	}
	say := phrase.In(s.People.Language(reader))
	m.Language, m.Text = say.Lang, say.SMS.Whom(choices)
}

// composeTest composes an admin's test SMS.
func (s *Sender) composeTest(m *gateway.Submission, look *track.TextSnapshot, o *settings.SMS, l track.Line) (n int, err error) {
	all := s.Settings.Get()
	domain, say := all.Tap.Domains[0], phrase.In(all.Language)
	m.Language, m.Params = say.Lang, gateway.Params{Sender: domain, Domain: domain}
	after := ""
	if look.First && l.Answerable() {
		after = "\n" + say.SMS.Stop
	}
	m.Text, n, err = sms.Fit(nil, sms.Fill{Text: cmp.Or(look.Was.Body, say.SMS.Test(domain))}, all.TextLimit, o.Segments, "", after)
	return n, err
}

// composeAbout composes an SMS about messages, in the recipient's language: their text, or a notice, as the sender has chosen. If any
// text is unknown, as with encrypted messages, it is a notice.
func (s *Sender) composeAbout(m *gateway.Submission, look *track.TextSnapshot, o *settings.SMS, l track.Line) (n int, err error) {
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
	m.Language, m.Params = lang, gateway.Params{Sender: t.Sender, Domain: fill.Domain}
	template := all.Templates[lang]
	if t.Body != "" {
		fill.Text, fill.Burst = t.Body, false
		if strings.Contains(t.Body, t.Sender) { // otherwise the template names the sender
			template = nil
		}
	}
	before, after, say := "", "", phrase.In(lang).SMS
	if l.Tag > 0 {
		before, after = fmt.Sprintf("(%d) ", l.Tag), "\n"+say.Answer(l.Tag)
	}
	if look.First && l.Answerable() {
		after += "\n" + say.Stop
	}
	m.Text, n, err = sms.Fit(template, fill, all.TextLimit, o.Segments, before, after)
	return n, err
}

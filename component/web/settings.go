package web

import (
	"net/http"

	"mellium.im/xmpp/jid"

	"tocsin/xep/forms"
)

// settingsForms are the commands that the settings page shows.
var settingsForms = []string{"number", "preferences"}

// maxTimeline is the number of messages in the timeline.
const maxTimeline = 25

// showSettings shows a user's settings, followed by the timeline of their last messages.
func (s *Server) showSettings(r *http.Request, v visit) (*reply, error) {
	return s.renderSettings(r, v, "", nil, nil)
}

// changeSettings processes one of the page's forms.
func (s *Server) changeSettings(r *http.Request, v visit) (*reply, error) {
	if r.PostFormValue("form") == "forget" {
		if err := s.Forget(r.Context(), v.owner); err != nil {
			return nil, err
		}
		say := s.phrases(r, v.owner)
		return s.render(r, v.owner, "message.html", view{Title: say.Web.Settings, Message: say.Web.Deleted}), nil
	}
	name, form, said, err := s.carryOut(r, v, settingsForms)
	if err != nil {
		return nil, err
	}
	return s.renderSettings(r, v, name, form, said)
}

// carryOut runs the command whose form was submitted. form replaces that form on the page: with faults, it is as filled in.
func (s *Server) carryOut(r *http.Request, v visit, allowed []string) (name string, form *forms.Form, said []note, err error) {
	user, err := jid.Parse(v.owner)
	if err != nil {
		return "", nil, nil, err
	}
	for _, name := range allowed {
		if name != r.PostFormValue("form") {
			continue
		}
		lang, now := s.phrases(r, v.owner).Lang, s.Clock.Now()
		asked, said, err := s.Commands.Page(r.Context(), now, user, lang, name, nil)
		if err != nil || asked == nil {
			return name, nil, notes(said), err
		}
		form, said, err = s.Commands.Page(r.Context(), now, user, lang, name, filled(r, asked))
		return name, form, notes(said), err
	}
	return "", nil, nil, errForm
}

// renderSettings renders the page. back, if any, replaces the form of the command changed.
func (s *Server) renderSettings(r *http.Request, v visit, changed string, back *forms.Form, said []note) (*reply, error) {
	user, err := jid.Parse(v.owner)
	if err != nil {
		return nil, err
	}
	say := s.phrases(r, v.owner)
	page := view{Title: say.Web.Settings, CSRF: s.csrf(v.text), Notes: said}
	for _, name := range settingsForms {
		form := back
		if name != changed || back == nil {
			if form, _, err = s.Commands.Page(r.Context(), s.Clock.Now(), user, say.Lang, name, nil); err != nil {
				return nil, err
			}
		}
		if form != nil {
			page.Forms = append(page.Forms, viewOf(name, say.Web.Save, form))
		}
	}
	messages, err := s.Timeline.Timeline(r.Context(), v.owner, maxTimeline)
	if err != nil {
		return nil, err
	}
	page.Timeline = timelineViewOf(messages, s.Clock.Now().In(s.Users.Zone(v.owner)), say)
	return s.render(r, v.owner, "settings.html", page), nil
}

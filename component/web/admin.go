package web

import (
	"net/http"
	"slices"

	"mellium.im/xmpp/jid"

	"tocsin/component/command"
	"tocsin/xep/forms"
)

// showAdmin shows the service's status and the admin commands.
func (s *Server) showAdmin(r *http.Request, v visit) (*reply, error) {
	return s.renderAdmin(r, v, "", nil, nil)
}

func (s *Server) changeAdmin(r *http.Request, v visit) (*reply, error) {
	name, form, said, err := s.carryOut(r, v, command.AdminPages())
	if err != nil {
		return nil, err
	}
	return s.renderAdmin(r, v, name, form, said)
}

// renderAdmin renders the page. The result of a command, if any, comes before its form.
func (s *Server) renderAdmin(r *http.Request, v visit, changed string, back *forms.Form, said []note) (*reply, error) {
	user, err := jid.Parse(v.owner)
	if err != nil {
		return nil, err
	}
	say := s.phrases(r, v.owner)
	page := view{Title: say.Web.Admin, CSRF: s.csrf(v.text), Notes: said, Health: s.Health.Health(r.Context())}
	for _, name := range command.AdminPages() {
		if name == "admin-reload" && changed != name { // it has no form: requesting it runs it
			page.Forms = append(page.Forms, formView{Name: name, Title: say.Form.Admin.Reload.Title, Button: say.Form.Admin.Reload.Title})
			continue
		}
		var form *forms.Form
		if name != "admin-reload" {
			if form, _, err = s.Commands.Page(r.Context(), s.Clock.Now(), user, say.Lang, name, nil); err != nil {
				return nil, err
			}
		}
		if name == changed && back != nil {
			if back.Type == forms.Result {
				page.Forms = append(page.Forms, viewOf(name, "", back))
			} else {
				form = back
			}
		}
		if form != nil {
			page.Forms = append(page.Forms, viewOf(name, say.Web.Do, form))
		}
	}
	page.Forms = slices.Clip(page.Forms)
	return s.render(r, v.owner, "admin.html", page), nil
}

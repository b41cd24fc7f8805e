package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"tocsin/component/phrase"
)

//go:embed templates static
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"pair": withCSRF}).ParseFS(files, "templates/*.html"))

// withCSRF returns a form with its CSRF token.
func withCSRF(f formView, csrf string) any {
	return struct {
		Form formView
		CSRF string
	}{f, csrf}
}

// static serves an embedded file.
func static(name, kind string) http.HandlerFunc {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Write(content)
	}
}

// view is the data for templates.
type view struct {
	Say   *phrase.Phrases
	Base  string // of links
	Name  string // of the service
	CSRF  string
	Title string
	Notes []note

	Prompt   *promptView
	Forms    []formView
	Timeline *timelineView
	Health   []Condition
	Owner    string
	Message  string // shown instead of everything else
}

// note is one line of feedback.
type note struct {
	Text  string
	Fault bool
}

// reply is the answer to a request.
type reply struct {
	status   int
	body     []byte
	kind     string
	redirect string
	cookie   *http.Cookie
	fault    error
}

func (a *reply) write(s *Server, w http.ResponseWriter) {
	if a.cookie != nil {
		http.SetCookie(w, a.cookie)
	}
	if a.redirect != "" {
		w.Header().Set("Location", a.redirect)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if a.fault != nil {
		s.Log.Error("could not render a page", "err", a.fault)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	kind := a.kind
	if kind == "" {
		kind = "text/html; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	w.Write(a.body)
}

// render renders a page for a user, "" if unknown.
func (s *Server) render(r *http.Request, owner, name string, v view) *reply {
	v.Say, v.Base, v.Name, v.Owner = s.phrases(r, owner), s.current().prefix, s.Settings.Get().Name, owner
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, v)
	return &reply{body: b.Bytes(), fault: err}
}

// phrases returns the phrases for a page: in the user's language, else in the browser's.
func (s *Server) phrases(r *http.Request, owner string) *phrase.Phrases {
	var preferred []string
	if tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")); err == nil {
		for _, tag := range tags {
			preferred = append(preferred, tag.String())
		}
	}
	if owner == "" {
		return phrase.In(phrase.Language(preferred...))
	}
	return phrase.In(s.Users.Language(owner, preferred...))
}

// fail renders an error page.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	say := s.phrases(r, "")
	v := view{Title: say.Web.GoneTitle, Message: say.Web.Gone}
	switch {
	case status == http.StatusTooManyRequests:
		v.Title, v.Message = s.Settings.Get().Name, say.Web.TooMany
	case status >= http.StatusInternalServerError:
		v.Title, v.Message = s.Settings.Get().Name, say.Web.Failed
	}
	answer := s.render(r, "", "message.html", v)
	answer.status = status
	answer.write(s, w)
}

package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"tocsin/track"
)

// Server serves pages. It is an http.Handler.
type Server struct {
	Options
	mux    *http.ServeMux
	limits *limits
	site   atomic.Pointer[site]
}

// site is derived from the public URL, which may change.
type site struct {
	public  string
	prefix  string // of the path, if the proxy passes it on
	handler http.Handler
}

const (
	// maxForm limits submitted forms, in bytes: a list of numbers may be long.
	maxForm = 1 << 20
	// workWithin is how long a request may take.
	workWithin = 15 * time.Second
)

// New returns a server for pages.
func New(o Options) *Server {
	s := &Server{Options: o, limits: newLimits(o.Clock)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", static("static/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /page.js", static("static/page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /p/{token}", s.page(s.showPrompt))
	mux.HandleFunc("GET /p/{token}/state", s.page(s.promptState))
	mux.HandleFunc("POST /p/{token}", s.page(s.answerPrompt))
	for _, area := range areas {
		mux.HandleFunc("GET "+area.path+"/{token}", s.page(func(r *http.Request) (*reply, error) { return s.showLink(r, area) }))
		mux.HandleFunc("POST "+area.path+"/{token}", s.page(func(r *http.Request) (*reply, error) { return s.openLink(r, area) }))
		mux.HandleFunc("GET "+area.path, s.page(s.inside(area, area.show)))
		mux.HandleFunc("POST "+area.path, s.page(s.inside(area, area.change)))
	}
	mux.HandleFunc("/", s.page(func(*http.Request) (*reply, error) { return nil, errGone }))
	s.mux = mux
	return s
}

// current returns the site of the current settings. It rejects forms from other sites.
func (s *Server) current() *site {
	public := s.public()
	if known := s.site.Load(); known != nil && known.public == public {
		return known
	}
	now := &site{public: public, handler: s.mux}
	if u, err := url.Parse(public); err == nil {
		now.prefix = strings.TrimRight(u.Path, "/")
		origins := http.NewCrossOriginProtection()
		if origins.AddTrustedOrigin(u.Scheme+"://"+u.Host) == nil {
			now.handler = origins.Handler(s.mux)
		}
	}
	s.site.Store(now)
	return now
}

// ServeHTTP implements http.Handler. The path may or may not include that of the public URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	here := s.current()
	if here.public == "" {
		http.NotFound(w, r)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, here.prefix); ok && strings.HasPrefix(rest, "/") {
		r2 := r.Clone(r.Context())
		r2.URL.Path, r2.URL.RawPath = rest, ""
		r = r2
	}
	ctx, cancel := context.WithTimeout(r.Context(), workWithin)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	here.handler.ServeHTTP(w, r.WithContext(ctx))
}

// errGone is the error for a link that is invalid, used, or expired.
var errGone = errors.New("invalid link")

// errForm is the error for a form that was not sent from a page of ours.
var errForm = errors.New("unknown form")

// page returns the handler for a page. It never logs anything of the request, whose path is a secret.
func (s *Server) page(do func(*http.Request) (*reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				s.Log.Error("page failed", "panic", fmt.Sprintf("%T", fault), "stack", string(debug.Stack()))
				s.fail(w, r, http.StatusInternalServerError)
			}
		}()
		who := client(r)
		if !s.limits.allow(who) {
			w.Header().Set("Retry-After", "60")
			s.fail(w, r, http.StatusTooManyRequests)
			return
		}
		answer, err := do(r)
		var tooBig *http.MaxBytesError
		switch {
		case err == nil:
			answer.write(s, w)
		case errors.Is(err, errGone):
			if !s.limits.miss(who) {
				s.Log.Warn("many invalid links requested from one address")
			}
			s.fail(w, r, http.StatusNotFound)
		case errors.Is(err, errForm):
			s.fail(w, r, http.StatusForbidden)
		case errors.As(err, &tooBig):
			s.fail(w, r, http.StatusRequestEntityTooLarge)
		default:
			if r.Context().Err() == nil {
				s.Log.Error("could not serve a page", "err", err)
			}
			s.fail(w, r, http.StatusServiceUnavailable)
		}
	}
}

// client returns the client's address, from a proxy on this machine if there is one.
func client(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		forwarded := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if last := strings.TrimSpace(forwarded[len(forwarded)-1]); net.ParseIP(last) != nil {
			host = last
		}
	}
	return network(host)
}

// network returns the smallest network assigned to one customer: for IPv6 a /64.
func network(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Unmap().Is4() {
		return host
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return prefix.String()
}

// area is a part of the site that a link opens for one session.
type area struct {
	path          string
	cookie        string
	link, session track.Purpose
	show, change  func(*Server, *http.Request, visit) (*reply, error)
}

// visit is an open session.
type visit struct {
	area  area
	owner string // bare JID
	text  string // of the session's token
}

var areas = []area{
	{"/me", "tocsin_me", track.SettingsLink, track.SettingsSession, (*Server).showSettings, (*Server).changeSettings},
	{"/admin", "tocsin_admin", track.AdminLink, track.AdminSession, (*Server).showAdmin, (*Server).changeAdmin},
}

// showLink shows the button that opens a session, so that a preview does not use up the link.
func (s *Server) showLink(r *http.Request, a area) (*reply, error) {
	t, ok, err := s.find(r.Context(), r.PathValue("token"), a.link)
	if err != nil || !ok {
		return nil, or(err, errGone)
	}
	say := s.phrases(r, t.Owner)
	title := map[track.Purpose]string{track.SettingsLink: say.Web.Settings, track.AdminLink: say.Web.Admin}[a.link]
	return s.render(r, t.Owner, "open.html", view{Title: title, CSRF: s.csrf(r.PathValue("token"))}), nil
}

// openLink begins a session, which uses up the link.
func (s *Server) openLink(r *http.Request, a area) (*reply, error) {
	text := r.PathValue("token")
	t, ok, err := s.find(r.Context(), text, a.link)
	if err != nil || !ok {
		return nil, or(err, errGone)
	}
	if !s.isOwnForm(r, text) {
		return nil, errForm
	}
	if first, err := s.Store.DropToken(r.Context(), t.Hash); err != nil || !first {
		return nil, or(err, errGone)
	}
	session, err := s.issue(r.Context(), a.session, t.Owner, sessionLife)
	if err != nil {
		return nil, err
	}
	return &reply{
		redirect: s.public() + a.path,
		cookie: &http.Cookie{
			Name: a.cookie, Value: session, Path: s.current().prefix + a.path, MaxAge: int(sessionLife / time.Second),
			Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		},
	}, nil
}

// inside requires an open session.
func (s *Server) inside(a area, do func(*Server, *http.Request, visit) (*reply, error)) func(*http.Request) (*reply, error) {
	return func(r *http.Request) (*reply, error) {
		c, err := r.Cookie(a.cookie)
		if err != nil {
			return nil, errGone
		}
		t, ok, err := s.find(r.Context(), c.Value, a.session)
		if err != nil || !ok {
			return nil, or(err, errGone)
		}
		if r.Method == http.MethodPost && !s.isOwnForm(r, c.Value) {
			return nil, errForm
		}
		return do(s, r, visit{a, t.Owner, c.Value})
	}
}

func or(err, instead error) error {
	if err != nil {
		return err
	}
	return instead
}

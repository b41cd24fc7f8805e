package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math/bits"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"tocsin/component/gateway"
)

const (
	maxCall     = 64 << 10 // bytes of a call's body
	maxReports  = 1000     // in one call
	callsRate   = 50       // per second and route
	callsBurst  = 200
	missesRate  = 5 // unknown calls logged per second
	hookTimeout = 10 * time.Second
)

// hook describes how a route handles calls.
type hook struct {
	path          string // "/ROUTE/SECRET"
	verify        verifier
	networks      []netip.Prefix
	reportOnly    *condition
	replyOnly     *condition
	states        map[string]gateway.State
	bits          map[uint64]gateway.State
	answer        string
	limit         *rate.Limiter
	report, reply bool
}

var states = map[string]gateway.State{"accepted": gateway.Accepted, "delivered": gateway.Delivered, "failed": gateway.Failed, "expired": gateway.Expired}

func (p *parser) hook(r *Route, s *Spec) hook {
	h := hook{
		path: "/" + r.Name + "/" + r.HookSecret, answer: s.Answer, limit: rate.NewLimiter(callsRate, callsBurst),
		report: s.Report.State != "", reply: s.Reply.From != "",
		reportOnly: p.condition("report.when", s.Report.When), replyOnly: p.condition("reply.when", s.Reply.When),
		states: map[string]gateway.State{}, bits: map[uint64]gateway.State{},
	}
	for _, network := range r.HookFrom {
		prefix, _ := netip.ParsePrefix(network) // no error: see check
		h.networks = append(h.networks, prefix.Masked())
	}
	for value, name := range s.Report.States {
		state, ok := states[name]
		if !ok {
			p.fault("report.states", "invalid state %q (must be accepted, delivered, failed or expired)", name)
		}
		h.states[strings.ToLower(value)] = state
	}
	for value, name := range s.Report.Bits {
		mask, err := strconv.ParseUint(value, 10, 32)
		state, ok := states[name]
		if err != nil || !ok {
			p.fault("report.bits", "invalid entry %s = %q (example: 1 = \"delivered\")", value, name)
		}
		h.bits[mask] = state
	}
	if h.report && s.Report.Ref == "" && s.Report.ID == "" {
		p.fault("report", "has neither ref nor id")
	}
	for key, place := range map[string]string{
		"report.each": s.Report.Each, "report.ref": s.Report.Ref, "report.id": s.Report.ID, "report.state": s.Report.State, "report.when": s.Report.When.Path,
		"reply.each": s.Reply.Each, "reply.id": s.Reply.ID, "reply.from": s.Reply.From, "reply.to": s.Reply.To, "reply.text": s.Reply.Text, "reply.when": s.Reply.When.Path,
	} {
		if place != "" && (!knownPlace(place) || strings.HasSuffix(key, "each") && !strings.HasPrefix(place, "json:")) {
			p.fault(key, "invalid place %q (example: json:data.id)", place)
		}
	}
	h.verify = p.verifier(r, s)
	return h
}

func (g *Gateway) hookURL() string {
	if g.route.Public == "" {
		return ""
	}
	return g.route.Public + g.hook.path
}

// ReplyURL is the URL for replies to set at the provider, or "". It contains a secret.
func (g *Gateway) ReplyURL() string {
	if at := g.hookURL(); at != "" && g.hook.reply {
		return at + "/reply"
	}
	return ""
}

// ReportURL is the URL for reports to set at providers that have one for all SMS, or "". It contains a secret.
func (g *Gateway) ReportURL() string {
	if at := g.hookURL(); at != "" && g.hook.report {
		return at + "/report"
	}
	return ""
}

// Hooks handles providers' calls of /ROUTE/SECRET/report and /ROUTE/SECRET/reply, with or without the path of the public URL in
// front. It responds with 2xx once the Sink has everything, or with 503 if the Sink failed, so that the provider retries.
type Hooks struct {
	routes map[string]*Gateway
	sink   gateway.Sink
	log    *slog.Logger
	misses *rate.Limiter
}

// NewHooks returns a handler for all routes that have hooks.
func NewHooks(routes []*Gateway, sink gateway.Sink, log *slog.Logger) *Hooks {
	h := &Hooks{routes: map[string]*Gateway{}, sink: sink, log: log, misses: rate.NewLimiter(missesRate, 1)}
	for _, g := range routes {
		if g.route.HookSecret != "" {
			h.routes[g.route.Name] = g
		}
	}
	return h
}

// ServeHTTP implements http.Handler. It logs nothing about a call except its route.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	g, kind := h.route(r.URL.Path)
	if g == nil || r.Method != http.MethodGet && r.Method != http.MethodPost {
		if h.misses.Allow() {
			h.log.Warn("call to an unknown SMS hook")
		}
		http.NotFound(w, r)
		return
	}
	if !g.hook.limit.Allow() {
		w.Header().Set("Retry-After", "10")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	c, err := read(w, r)
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !g.hook.from(r) || !g.hook.verify(r, c, g.clock.Now()) {
		h.log.Warn("unauthorized call to an SMS hook", "route", g.route.Name)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), hookTimeout)
	defer cancel()
	if err := h.receive(ctx, g, kind, c); err != nil {
		h.log.Error("could not store a report or reply", "route", g.route.Name, "err", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if g.hook.answer != "" {
		w.Header().Set("Content-Type", "application/json")
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	io.WriteString(w, g.hook.answer) //nolint:errcheck // if the provider is gone, it retries
}

// route finds the route and kind of a call by the last three segments of its path.
func (h *Hooks) route(path string) (*Gateway, string) {
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		return nil, ""
	}
	parts = parts[len(parts)-3:]
	g := h.routes[parts[0]]
	if g == nil || subtle.ConstantTimeCompare([]byte(parts[1]), []byte(g.route.HookSecret)) != 1 {
		return nil, ""
	}
	if parts[2] == "report" && g.hook.report || parts[2] == "reply" && g.hook.reply {
		return g, parts[2]
	}
	return nil, ""
}

func (h *Hooks) receive(ctx context.Context, g *Gateway, kind string, c *call) error {
	if kind == "report" {
		for _, report := range g.reports(c) {
			if err := h.sink.Reported(ctx, report); err != nil {
				return err
			}
		}
		return nil
	}
	for _, reply := range g.replies(c) {
		if err := h.sink.Replied(ctx, reply); err != nil {
			return err
		}
	}
	return nil
}

// read reads a call.
func read(w http.ResponseWriter, r *http.Request) (*call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		return nil, err
	}
	c := &call{query: r.URL.Query(), header: r.Header, json: &document{}, raw: body}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		c.form, err = url.ParseQuery(string(body))
		return c, err
	}
	if len(body) > 0 {
		c.json = parse(body)
	}
	return c, nil
}

// reports returns the reports in a call. Those without reference and id, or with an unknown state, are dropped: a retry would not
// help.
func (g *Gateway) reports(c *call) (reports []gateway.Report) {
	spec := &g.spec.Report
	for _, one := range c.each(spec.Each) {
		state, ok := g.hook.state(one.at(spec.State))
		if !ok || !fits(g.hook.reportOnly, one) || len(reports) == maxReports {
			continue
		}
		r := gateway.Report{Route: g.route.Name, Ref: gateway.ID(one.at(spec.Ref)), ID: gateway.ID(one.at(spec.ID)), State: state}
		if r.Ref != "" || r.ID != "" {
			reports = append(reports, r)
		}
	}
	return reports
}

func (g *Gateway) replies(c *call) (replies []gateway.Reply) {
	spec := &g.spec.Reply
	for i, one := range c.each(spec.Each) {
		r := gateway.Reply{Route: g.route.Name, ID: gateway.ID(one.at(spec.ID)), From: gateway.ID(one.at(spec.From)), To: gateway.ID(one.at(spec.To)), Text: gateway.Text(one.at(spec.Text))}
		if r.From == "" || !fits(g.hook.replyOnly, one) || len(replies) == maxReports {
			continue
		}
		if r.ID == "" { // a substitute that is the same in a retry
			sum := sha256.Sum256([]byte(c.query.Encode() + "\n" + string(c.raw) + "\n" + strconv.Itoa(i)))
			r.ID = "call-" + hex.EncodeToString(sum[:16])
		}
		replies = append(replies, r)
	}
	return replies
}

func fits(when *condition, c *call) bool {
	if when == nil {
		return true
	}
	value := c.at(when.Path)
	return value != "" && when.among([]string{value})
}

// state interprets the state in a report.
func (h *hook) state(value string) (gateway.State, bool) {
	if len(h.bits) == 0 {
		return h.named(strings.ToLower(value))
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return 0, false
	}
	best, found := -1, gateway.State(0)
	for mask, state := range h.bits {
		if count := bits.OnesCount64(mask); n&mask == mask && (count > best || count == best && state > found) {
			best, found = count, state
		}
	}
	return found, best >= 0
}

// named interprets a word: by itself, or by its longest known prefix.
func (h *hook) named(word string) (state gateway.State, ok bool) {
	if state, ok = h.states[word]; ok || word == "" {
		return state, ok
	}
	longest := -1
	for name, one := range h.states {
		if prefix, isPrefix := strings.CutSuffix(name, "*"); isPrefix && strings.HasPrefix(word, prefix) && len(prefix) > longest {
			state, longest, ok = one, len(prefix), true
		}
	}
	return state, ok
}

// from reports whether a call comes from an allowed network. Behind a proxy on this machine the address in X-Forwarded-For counts.
func (h *hook) from(r *http.Request) bool {
	if len(h.networks) == 0 {
		return true
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.IsLoopback() {
		forwarded := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if reported, wrong := netip.ParseAddr(strings.TrimSpace(forwarded[len(forwarded)-1])); wrong == nil {
			ip = reported
		}
	}
	if err != nil {
		return false
	}
	for _, network := range h.networks {
		if network.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

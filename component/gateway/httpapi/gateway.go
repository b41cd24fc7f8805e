package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"tocsin/component/clock"
	"tocsin/component/gateway"
)

const (
	maxResponse    = 64 << 10         // bytes
	defaultTimeout = 30 * time.Second // for a response
	connectTimeout = 10 * time.Second
	closedFor      = time.Minute // after refused credentials
	maxWait        = time.Hour   // limit for Retry-After
)

// Gateway sends SMS through one provider. It implements gateway.Gateway.
type Gateway struct {
	route              Route
	spec               Spec
	url                string
	form               form
	check              *template.Template
	params, codeParams map[string]*template.Template
	rules              rules
	hook               hook
	client             *http.Client
	clock              clock.Clock

	mu     sync.Mutex
	closed time.Time // nothing can be sent until then
	why    string
	fault  string // see Fault
}

var (
	_ gateway.Gateway = (*Gateway)(nil)
	_ gateway.Faulter = (*Gateway)(nil)
)

// New returns a route's gateway. The error is a gateway.Faults with everything wrong in the route.
func New(r Route, c clock.Clock) (*Gateway, error) {
	faults := r.check()
	if len(faults) > 0 {
		return nil, faults
	}
	spec, faults := r.resolve()
	if len(faults) > 0 {
		return nil, faults
	}
	p := &parser{route: &r}
	g := &Gateway{route: r, spec: spec, clock: c, client: client(r.CA)}
	g.route.Public = strings.TrimSuffix(r.Public, "/")
	g.url = p.url(spec.URL)
	g.form = p.form(&spec)
	g.rules = p.rules(&spec)
	g.hook = p.hook(&g.route, &spec)
	g.params = p.paramTemplates("params", r.Params)
	g.codeParams = p.paramTemplates("code_params", r.CodeParams)
	if spec.Check != "" {
		g.check = p.template("check", spec.Check, example)
	}
	switch spec.Sign {
	case "", aliyun, tencent:
	default:
		p.fault("sign", "invalid value %q (must be aliyun or tencent)", spec.Sign)
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	if g.route.Answer == 0 {
		g.route.Answer = defaultTimeout
	}
	return g, nil
}

// url makes the route's URL. It is a template whose values are escaped.
func (p *parser) url(preset string) string {
	text := preset
	if p.route.URL != "" {
		text = p.route.URL
	}
	if text == "" {
		p.fault("url", "is missing")
		return ""
	}
	escaped := struct {
		User    string
		Options map[string]string
	}{url.PathEscape(p.route.User), map[string]string{}}
	for name, value := range p.route.Options {
		escaped.Options[name] = url.PathEscape(value)
	}
	t, err := template.New("url").Option("missingkey=error").Parse(text)
	made := ""
	if err == nil {
		made, err = run(t, escaped)
	}
	if err != nil {
		p.broken("url", err)
		return ""
	}
	u, err := url.Parse(made)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		p.fault("url", "invalid URL (example: https://api.example.org/messages)") // the URL may contain a secret
	}
	return made
}

func (p *parser) paramTemplates(key string, texts map[string]string) map[string]*template.Template {
	parsed := map[string]*template.Template{}
	for name, text := range texts {
		parsed[name] = p.template(key+"."+name, text, gateway.Params{})
	}
	return parsed
}

// client returns a client that uses a new connection for every request: see the package comment.
func client(ca []byte) *http.Client {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, Protocols: new(http.Protocols),
		DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: maxResponse,
	}
	t.Protocols.SetHTTP1(true)
	if len(ca) > 0 {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Submit implements gateway.Gateway.
func (g *Gateway) Submit(ctx context.Context, m gateway.Submission) gateway.Answer {
	ctx, cancel := context.WithTimeout(ctx, g.route.Answer)
	defer cancel()
	answer := g.submit(ctx, m)
	g.backOff(answer)
	return answer
}

func (g *Gateway) submit(ctx context.Context, m gateway.Submission) gateway.Answer {
	now := g.clock.Now()
	f, err := g.fill(m, now)
	if err != nil {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "template"}
	}
	connected := false
	trace := httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	req, err := g.request(httptrace.WithClientTrace(ctx, &trace), f, now)
	if err != nil {
		return gateway.Answer{Outcome: gateway.NotSent, Class: "template"}
	}
	resp, err := g.client.Do(req)
	if err != nil {
		class := "lost"
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			class = "timeout"
		}
		if connected {
			return gateway.Answer{Outcome: gateway.Unsure, Class: class}
		}
		return gateway.Answer{Outcome: gateway.NotSent, Class: "unreachable"}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil || len(body) > maxResponse {
		return cut(resp)
	}
	return g.rules.class(resp, body, now)
}

// backOff closes the route for a while if the answer says so.
func (g *Gateway) backOff(a gateway.Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.why = g.clock.Now().Add(a.Wait), a.Class
	switch a.Outcome {
	case gateway.Sent, gateway.Refused, gateway.Stopped:
		g.fault = ""
	case gateway.NotSent:
		if !slices.Contains(busy, a.Class) {
			g.fault = a.Class
		}
	}
}

// busy are classes of answers that say nothing about whether the route works.
var busy = []string{"429", "503", "later"}

// Fault implements gateway.Faulter.
func (g *Gateway) Fault() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fault
}

// Up implements gateway.Gateway.
func (g *Gateway) Up() (bool, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.clock.Now().Before(g.closed) {
		return false, g.why
	}
	return true, ""
}

// ChoosesSender reports whether requests name the sender, rather than leaving it to the provider.
func (g *Gateway) ChoosesSender() bool {
	return g.requestFrom("+15550000001") != g.requestFrom("+15550000002")
}

// requestFrom returns the variable parts of an unsigned request with a sender.
func (g *Gateway) requestFrom(from string) string {
	f := example
	f.Options, f.From, f.FromDigits = g.route.Options, from, strings.TrimPrefix(from, "+")
	query, _ := values(g.form.query, f) // no errors: New has executed the templates
	body, _, _ := g.body(f)
	headers, _ := values(g.form.headers, f)
	return query.Encode() + "\n" + headers.Encode() + "\n" + string(body)
}

// NamesNumber reports whether replies say which number they were sent to.
func (g *Gateway) NamesNumber() bool { return g.spec.Reply.To != "" }

// ChecksCredentials reports whether Check proves that the provider accepts the credentials.
func (g *Gateway) ChecksCredentials() bool { return g.check != nil }

// Check implements gateway.Gateway. Its errors contain neither URL nor secret.
func (g *Gateway) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.route.Answer)
	defer cancel()
	f, err := g.fill(gateway.Submission{}, g.clock.Now())
	if err != nil {
		return errors.New("a template of params failed")
	}
	method, at := http.MethodHead, g.url
	if g.check != nil {
		method = http.MethodGet
		if at, err = run(g.check, f); err != nil {
			return errors.New("the template of check failed")
		}
	}
	if g.check == nil { // only checks that the host responds
		u, err := url.Parse(at)
		if err != nil {
			return errors.New("invalid URL")
		}
		u.Path, u.RawQuery = "/", ""
		at = u.String()
	}
	req, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return errors.New("invalid URL")
	}
	if g.check != nil {
		if err := g.headers(req, f); err != nil {
			return errors.New("a template of headers failed")
		}
	}
	resp, err := g.client.Do(req)
	if wrong := (*url.Error)(nil); errors.As(err, &wrong) {
		err = wrong.Err
	}
	if err != nil {
		return err
	}
	resp.Body.Close()
	switch code := resp.StatusCode; {
	case g.check == nil:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("the provider refuses the credentials (status %d)", code)
	case code >= 500:
		return fmt.Errorf("the provider answers with status %d", code)
	}
	return nil
}

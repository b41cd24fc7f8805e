package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"tocsin/component/gateway"
)

// form is a Spec's request, parsed.
type form struct {
	method               string
	query, form, headers map[string]*template.Template
	json                 any // map[string]any, []any, *template.Template, raw, or a plain value
}

// raw is a template whose result is JSON.
type raw struct{ t *template.Template }

// parser collects faults.
type parser struct {
	route  *Route
	faults gateway.Faults
}

func (p *parser) fault(key, format string, args ...any) {
	p.faults = append(p.faults, p.route.faultOf(key, fmt.Sprintf(format, args...)))
}

func (p *parser) template(key, text string, example any) *template.Template {
	if fill, ok := example.(Fill); ok {
		fill.Options = p.route.Options
		example = fill
	}
	t, err := parseTemplate(text, example)
	if err != nil {
		p.broken(key, err)
	}
	return t
}

// missing matches a template's error about a missing option.
var missing = regexp.MustCompile(`map has no entry for key "([^"]*)"`)

// broken adds a fault for a template's error.
func (p *parser) broken(key string, err error) {
	if m := missing.FindStringSubmatch(err.Error()); m != nil {
		if f := (gateway.Fault{Key: "options." + m[1], Text: "is missing"}); !slices.Contains(p.faults, f) {
			p.faults = append(p.faults, f)
		}
		return
	}
	p.fault(key, "%s", strings.TrimPrefix(err.Error(), "template: "))
}

func (p *parser) templates(key string, texts map[string]string) map[string]*template.Template {
	parsed := map[string]*template.Template{}
	for name, text := range texts {
		parsed[name] = p.template(key+"."+name, text, example)
	}
	return parsed
}

func (p *parser) json(key string, value any) any {
	switch v := value.(type) {
	case string:
		return p.template(key, v, example)
	case map[string]any:
		if text, ok := v["json"].(string); ok && len(v) == 1 {
			return raw{p.template(key, text, example)}
		}
		object := map[string]any{}
		for name, inner := range v {
			object[name] = p.json(key+"."+name, inner)
		}
		return object
	case []map[string]any:
		list := make([]any, len(v))
		for i, inner := range v {
			list[i] = p.json(key, inner)
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, inner := range v {
			list[i] = p.json(key, inner)
		}
		return list
	}
	return value
}

func (p *parser) form(s *Spec) form {
	f := form{method: s.Method, query: p.templates("query", s.Query), form: p.templates("form", s.Form), headers: p.templates("headers", s.Headers)}
	switch s.Method {
	case http.MethodGet:
		if len(s.Form) > 0 || len(s.JSON) > 0 {
			p.fault("method", "GET has no body: form and json need POST")
		}
	case http.MethodPost, http.MethodPut:
	default:
		p.fault("method", "invalid method %q (must be GET, POST or PUT)", s.Method)
	}
	if len(s.Form) > 0 && len(s.JSON) > 0 {
		p.fault("form", "form and json are mutually exclusive")
	}
	if len(s.JSON) > 0 {
		f.json = p.json("json", s.JSON)
	}
	return f
}

// example is the data that templates are tried with.
var example = Fill{
	User: "user", Secret: "secret", Options: nil, URL: "https://example.org", Ref: strings.Repeat("0", 32),
	To: "+8613800138000", From: "+8613900000000", Digits: "8613800138000", FromDigits: "8613900000000", Text: "Hello", Language: "en",
	Segments: 1, Code: "000000", Minutes: 15, Seconds: 900, Deadline: "2006-01-02T15:04:05Z",
	Report: "https://example.org/report", Reports: "https://example.org/report", Reply: "https://example.org/reply", Params: map[string]string{}, ParamList: []string{},
}

// errEmpty means that a template's result is empty.
var errEmpty = errors.New("empty")

// request builds the HTTP request for a submission.
func (g *Gateway) request(ctx context.Context, f Fill, now time.Time) (*http.Request, error) {
	query, err := values(g.form.query, f)
	if err != nil {
		return nil, err
	}
	body, kind, err := g.body(f)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(g.url)
	if err != nil {
		return nil, err
	}
	if len(query) > 0 {
		at.RawQuery = query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, g.form.method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // net/http must not send it twice
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if err := g.headers(req, f); err != nil {
		return nil, err
	}
	return req, g.sign(req, body, now)
}

// headers sets the headers that submissions and checks have in common.
func (g *Gateway) headers(req *http.Request, f Fill) error {
	req.Header.Set("User-Agent", "Tocsin")
	req.Header.Set("Accept", "application/json, */*")
	for name, t := range g.form.headers {
		value, err := run(t, f)
		if err != nil {
			return err
		}
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return nil
}

func (g *Gateway) body(f Fill) (body []byte, kind string, err error) {
	switch {
	case g.form.json != nil:
		tree, err := build(g.form.json, f)
		if err != nil {
			return nil, "", err
		}
		body, err = encode(tree)
		return body, "application/json", err
	case len(g.form.form) > 0:
		form, err := values(g.form.form, f)
		return []byte(form.Encode()), "application/x-www-form-urlencoded", err
	}
	return nil, "", nil
}

func values(templates map[string]*template.Template, f Fill) (url.Values, error) {
	v := url.Values{}
	for name, t := range templates {
		value, err := run(t, f)
		if err != nil {
			return nil, err
		}
		if value != "" {
			v.Set(name, value)
		}
	}
	return v, nil
}

// build executes the templates of a JSON tree. Empty results are omitted from their object or list.
func build(node any, f Fill) (any, error) {
	switch n := node.(type) {
	case *template.Template:
		text, err := run(n, f)
		if err == nil && text == "" {
			err = errEmpty
		}
		return text, err
	case raw:
		text, err := run(n.t, f)
		switch {
		case err != nil:
			return nil, err
		case text == "":
			return nil, errEmpty
		case !json.Valid([]byte(text)):
			return nil, errors.New("a template's result is not valid JSON")
		}
		return json.RawMessage(text), nil
	case map[string]any:
		object := map[string]any{}
		for name, inner := range n {
			value, err := build(inner, f)
			if errors.Is(err, errEmpty) {
				continue
			} else if err != nil {
				return nil, err
			}
			object[name] = value
		}
		if len(object) == 0 && len(n) > 0 {
			return nil, errEmpty
		}
		return object, nil
	case []any:
		list := make([]any, 0, len(n))
		for _, inner := range n {
			value, err := build(inner, f)
			if errors.Is(err, errEmpty) {
				continue
			} else if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	return node, nil
}

// encode encodes JSON without HTML escapes, as providers expect it for signatures.
func encode(tree any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(tree)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

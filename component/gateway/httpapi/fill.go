package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/sms"
	"tocsin/xep/escalation"
)

// Fill is the data for the templates of a request.
type Fill struct {
	User, Secret string
	Options      map[string]string
	URL          string // of the route

	Ref        string
	To, From   string
	Digits     string // To without its plus
	FromDigits string // From without its plus
	Text       string
	Language   string
	UCS2       bool // the text has characters outside the GSM alphabet
	Segments   int
	Code       string // "" except for codes
	Minutes    int    // of validity, rounded up
	Seconds    int
	Deadline   string // RFC 3339, UTC

	Report  string // URL for reports about this SMS, or ""
	Reports string // URL for reports about all SMS
	Reply   string // URL for replies

	SignName  string
	Template  string            // id of the provider's template
	Params    map[string]string // its variables
	ParamList []string          // their values, ordered by name: 1, 2, … 10, or alphabetically
}

var funcs = template.FuncMap{
	"json":    func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
	"query":   url.QueryEscape,
	"path":    url.PathEscape,
	"without": func(text, prefix string) string { return strings.TrimPrefix(text, prefix) },
	"basic": func(user, secret string) string {
		return base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
	},
}

// parseTemplate parses a template, and executes it with an example to find unknown fields early.
func parseTemplate(text string, example any) (*template.Template, error) {
	t, err := template.New("value").Funcs(funcs).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	return t, t.Execute(&out, example)
}

func run(t *template.Template, data any) (string, error) {
	var out strings.Builder
	err := t.Execute(&out, data)
	return out.String(), err
}

// fill returns the data for the templates.
func (g *Gateway) fill(m gateway.Submission, now time.Time) (Fill, error) {
	segments, encoding := sms.Count(m.Text)
	f := Fill{
		User: g.route.User, Secret: g.route.Secret, Options: g.route.Options, URL: g.url,
		Ref: m.Ref, To: m.To, From: m.From, Text: m.Text, Language: m.Language,
		UCS2: encoding == escalation.UCS2, Segments: segments, Code: m.Params.Code,
		SignName: g.route.SignName, Template: g.route.Template.Message,
	}
	if f.From == "" {
		f.From = g.route.From
	}
	f.Digits, f.FromDigits = strings.TrimPrefix(f.To, "+"), strings.TrimPrefix(f.From, "+")
	f.Minutes = int((m.Validity + time.Minute - 1) / time.Minute)
	f.Seconds = int((m.Validity + time.Second - 1) / time.Second)
	f.Deadline = now.Add(m.Validity).UTC().Truncate(time.Second).Format(time.RFC3339)
	if at := g.hookURL(); at != "" {
		if g.spec.Report.State != "" {
			f.Reports = at + "/report"
			f.Report = f.Reports + "?ref=" + m.Ref
		}
		f.Reply = at + "/reply"
	}
	params := g.params
	if m.Code {
		f.Template, params = g.route.Template.Code, g.codeParams
	}
	f.Params = map[string]string{}
	for name, t := range params {
		value, err := run(t, m.Params)
		if err != nil {
			return f, err
		}
		f.Params[name] = value
	}
	f.ParamList = inOrder(f.Params)
	return f, nil
}

// inOrder returns the values of template variables ordered by name, numerically if both names are numbers.
func inOrder(params map[string]string) []string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = params[name]
	}
	return values
}

package config

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/gateway/httpapi"
	"tocsin/component/gateway/smpp"
	"tocsin/component/gateway/xmpp"
	"tocsin/component/routes"
	"tocsin/component/settings"
	"tocsin/track"
)

// SMS configures the SMS that the component sends itself.
type SMS struct {
	Countries             []string      `toml:"countries" is:"country"` // "*": all
	From                  []string      `toml:"from" is:"sms sender"`
	Who                   track.Who     `toml:"who" is:"roster|consented|all"`
	Segments              int           `toml:"segments" min:"1" max:"10"`
	Expires               time.Duration `toml:"expires" min:"1m" max:"72h"`
	Replies               track.Replies `toml:"replies" is:"forward|read|off"`
	ReplyWindow           time.Duration `toml:"reply_window" min:"1m" max:"168h"`
	Listen                string        `toml:"listen" is:"listen"` // "": no reports over HTTP
	Public                string        `toml:"public" is:"url"`
	PerNumberPerDay       int           `toml:"per_number_per_day" min:"1"`
	PerSenderPerDay       int           `toml:"per_sender_per_day" min:"1"`
	SegmentsPerDay        int           `toml:"segments_per_day" min:"1"`
	Stop                  []string      `toml:"stop" is:"text"`
	CodesPerNumberPerHour int           `toml:"codes_per_number_per_hour" min:"1"`
	CodesPerUserPerDay    int           `toml:"codes_per_user_per_day" min:"1"`
	CodesPerCountryPerDay int           `toml:"codes_per_country_per_day" min:"1"`
	Routes                []SMSRoute    `toml:"route"`
}

// SMSRoute is one [[sms.route]]. The keys specific to its kind are in HTTP, SMPP or XMPP.
type SMSRoute struct {
	Name       string   `toml:"name" is:"text"`
	Kind       string   `toml:"kind" is:"http|smpp|xmpp"`
	Countries  []string `toml:"countries" is:"country"`
	Prefixes   []string `toml:"prefixes" is:"prefix"`
	For        []string `toml:"for" is:"message|code"`
	From       []string `toml:"from" is:"sms sender"`
	Rate       float64  `toml:"rate"` // per second; 0: no limit
	Cost       float64  `toml:"cost"` // of a segment, in any currency
	Repeat     string   `toml:"repeat" is:"never|key|always"`
	Secret     Secret   `toml:"secret"`
	SecretFile string   `toml:"secret_file" is:"path"`
	CAFile     string   `toml:"ca_file" is:"path"`

	HTTP httpapi.Route
	SMPP smpp.Route
	XMPP xmpp.Route
	rest map[string]any

	fixed, nameless bool // see routes.Route
}

// defaultSMS returns the defaults of an [sms] table.
func defaultSMS() *SMS {
	return &SMS{
		Who: track.WhoRoster, Segments: 3, Expires: 15 * time.Minute, Replies: track.RepliesForward, ReplyWindow: 24 * time.Hour, Listen: "127.0.0.1:9477",
		PerNumberPerDay: 6, PerSenderPerDay: 10, SegmentsPerDay: 500,
		CodesPerNumberPerHour: 3, CodesPerUserPerDay: 5, CodesPerCountryPerDay: 100,
	}
}

var (
	senderName  = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 ._-]{0,10}[A-Za-z][A-Za-z0-9 ._-]{0,10})$`)
	numberStart = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)
)

func parseCountry(s string) (string, error) {
	if s == routes.Everywhere {
		return s, nil
	}
	return parseRegion(s)
}

func parseSMSSender(s string) (string, error) {
	if !senderName.MatchString(s) || len(s) > 16 {
		return "", errors.New("invalid sender (a number with its +, a short code, or 1 to 11 letters)")
	}
	return s, nil
}

func parsePrefix(s string) (string, error) {
	if !numberStart.MatchString(s) {
		return "", errors.New("invalid prefix (example: +86138)")
	}
	return s, nil
}

// kindKeys returns the keys specific to a kind of route.
func kindKeys(kind string) map[string]bool {
	keys := map[string]bool{}
	var t reflect.Type
	switch kind {
	case "http":
		t = reflect.TypeFor[httpapi.Route]()
		for _, key := range httpapi.SpecKeys() {
			keys[key] = true
		}
	case "smpp":
		t = reflect.TypeFor[smpp.Route]()
	case "xmpp":
		t = reflect.TypeFor[xmpp.Route]()
	default:
		return keys
	}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			keys[key] = true
		}
	}
	return keys
}

// route reads a [[sms.route]]: the common keys, and those of its kind.
func (d *decoder) route(table map[string]any, r *SMSRoute, p path) {
	r.Repeat, r.For, r.rest = string(routes.Never), []string{"message", "code"}, map[string]any{}
	kind, _ := table["kind"].(string)
	own, known := map[string]any{}, fieldsOf(reflect.TypeFor[SMSRoute]())
	kinds := kindKeys(kind)
	for key, value := range table {
		if _, ok := known[key]; !ok && kinds[key] {
			r.rest[key] = value
		} else {
			own[key] = value
		}
	}
	d.table(own, reflect.ValueOf(r).Elem(), p)
}

// checkSMS checks the keys of [sms], and builds the part of each route that is specific to its kind.
func (d *decoder) checkSMS(c *Config) {
	s := c.SMS
	if s == nil {
		return
	}
	at := path{"sms"}
	d.need(len(s.Countries) == 0, at.add("countries"), `(example: ["CN"]; ["*"] is all)`)
	d.need(len(s.Routes) == 0, at.add("route"), "(write [[sms.route]]; docs/SMS.md has examples)")
	if !slices.Contains(c.Numbers.Sources, "directory") {
		d.fault(path{"numbers", "sources"}, `requires "directory" with [sms]: SMS go to bound numbers only`)
	}
	names := map[string]bool{}
	for i := range s.Routes {
		r, p := &s.Routes[i], at.add("route").index(i)
		d.need(r.Name == "", p.add("name"), `(example: "kannel")`)
		d.need(r.Kind == "", p.add("kind"), "(http, smpp or xmpp)")
		if names[r.Name] && r.Name != "" {
			d.fault(p.add("name"), "duplicate %q", r.Name)
		}
		names[r.Name] = true
		var ca []byte
		if r.CAFile != "" {
			data, err := readFile(d.resolve(r.CAFile), 1<<20)
			if err != nil {
				d.fault(p.add("ca_file"), "%q: %v", r.CAFile, err)
			}
			ca = data
		}
		switch r.Kind {
		case "http":
			d.checkHTTP(s, r, ca, p)
		case "smpp":
			r.SMPP.Name, r.SMPP.Secret, r.SMPP.CA = r.Name, string(r.Secret), ca
			d.fill(r.rest, &r.SMPP, p)
			_, err := smpp.New(r.SMPP, nil, slog.New(slog.DiscardHandler), nil)
			d.routeFaults(p, err)
		case "xmpp":
			d.fill(r.rest, &r.XMPP, p)
			if domain, err := ParseDomain(r.XMPP.Gateway); err == nil {
				r.XMPP.Gateway = domain
			}
			r.XMPP.Name, r.fixed = r.Name, true
			_, err := xmpp.New(r.XMPP, nil, nil)
			d.routeFaults(p, err)
			if r.XMPP.Gateway == c.Component.JID || slices.Contains(c.Tap.Domains, r.XMPP.Gateway) {
				d.fault(p.add("gateway"), "%q is component.jid or one of tap.domains, not a gateway", r.XMPP.Gateway)
			}
		}
	}
}

func (d *decoder) checkHTTP(s *SMS, r *SMSRoute, ca []byte, p path) {
	own := map[string]any{}
	r.HTTP.Keys = map[string]any{}
	for key, value := range r.rest {
		if slices.Contains(httpapi.SpecKeys(), key) {
			r.HTTP.Keys[key] = value
		} else {
			own[key] = value
		}
	}
	d.fill(own, &r.HTTP, p)
	r.HTTP.Name, r.HTTP.Secret, r.HTTP.CA = r.Name, string(r.Secret), ca
	if s.Listen != "" {
		r.HTTP.Public = s.Public
	}
	check := r.HTTP
	if check.Public != "" {
		check.HookSecret = strings.Repeat("x", 32) // in place of the real one, which comes from the database
	}
	g, err := httpapi.New(check, clock.System{})
	d.routeFaults(p, err)
	if err == nil {
		r.fixed, r.nameless = !g.ChoosesSender(), !g.NamesNumber()
	}
}

// routeFaults reports the faults of a route.
func (d *decoder) routeFaults(p path, err error) {
	var faults gateway.Faults
	if !errors.As(err, &faults) {
		return
	}
	for _, f := range faults {
		text := f.Text
		if f.File != "" {
			text = f.Error()
		}
		d.routeFault(p, f.Key, text)
	}
}

// routeFault reports a fault of a key, unless one was reported already.
func (d *decoder) routeFault(p path, key, text string) {
	at := p
	for part := range strings.SplitSeq(key, ".") {
		at = at.add(strings.Trim(part, `"`))
	}
	if !d.bad[at.String()] && !d.bad[p.add("secret_file").String()] {
		d.fault(at, "%s", text)
	}
}

// fill assigns the values of a table to a struct of another package, key by key, so that faults name the key.
func (d *decoder) fill(table map[string]any, into any, p path) {
	struc := reflect.ValueOf(into).Elem()
	fields := fieldsOf(struc.Type())
	for key, value := range table {
		if span, ok := struc.Field(fields[key]).Addr().Interface().(*time.Duration); ok {
			bounded(d, p.add(key), span, value, "duration", "10s", parseDuration, "")
			continue
		}
		var doc bytes.Buffer
		err := toml.NewEncoder(&doc).Encode(map[string]any{key: value})
		if err == nil {
			_, err = toml.Decode(doc.String(), into)
		}
		if kind := struc.Field(fields[key]).Kind(); kind == reflect.Map || kind == reflect.Struct {
			if _, isTable := value.(map[string]any); !isTable {
				err = errors.New("not a table") // the library ignores this
			}
		}
		if err != nil {
			d.fault(p.add(key), "invalid value (see docs/SMS.md)")
		}
	}
}

// SMSSettings returns the settings for SMS, without gateways; nil without an [sms] table.
func (c *Config) SMSSettings() *settings.SMS {
	s := c.SMS
	if s == nil {
		return nil
	}
	o := &settings.SMS{Routes: routes.Table{Countries: s.Countries, From: s.From}, Segments: s.Segments, Validity: s.Expires, Stop: s.Stop}
	for _, r := range s.Routes {
		o.Routes.Routes = append(o.Routes.Routes, routes.Route{
			Name: r.Name, Countries: r.Countries, Prefixes: r.Prefixes, Messages: slices.Contains(r.For, "message"), Codes: slices.Contains(r.For, "code"),
			From: r.From, Fixed: r.fixed, Nameless: r.nameless, Rate: r.Rate, Cost: r.Cost, Repeat: routes.Repeat(r.Repeat),
		})
	}
	return o
}

// smsPolicy returns the policy for SMS; nil without an [sms] table.
func (c *Config) smsPolicy() *track.SMSPolicy {
	s := c.SMSSettings()
	if s == nil {
		return nil
	}
	return &track.SMSPolicy{
		Who: c.SMS.Who, Verify: c.Numbers.Verify, PerNumberDay: c.SMS.PerNumberPerDay, PerSenderDay: c.SMS.PerSenderPerDay, SegmentsDay: c.SMS.SegmentsPerDay,
		Replies: c.SMS.Replies, ReplyWindow: c.SMS.ReplyWindow,
		Reaches: func(e164 string) bool { return len(s.Routes.For(e164, false)) > 0 }, Admins: c.Component.Admins,
		Code: track.CodePolicy{
			NumberHour: c.SMS.CodesPerNumberPerHour, UserDay: c.SMS.CodesPerUserPerDay, CountryDay: c.SMS.CodesPerCountryPerDay,
			Reaches: func(e164 string) bool { return len(s.Routes.For(e164, true)) > 0 },
		},
	}
}

package httpapi

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/component/gateway"
)

// Route is one route as a configuration has it. The keys of a [[sms.route]] table that SpecKeys names go to Keys as they were
// decoded; the others have fields. What the tags don't name is not in the table: it comes from elsewhere.
type Route struct {
	Name       string            `toml:"name"`     // a-z, 0-9 and hyphens: it stands in URLs
	Provider   string            `toml:"provider"` // a preset, or "custom"
	URL        string            `toml:"url"`      // "": the preset's. A template of .User and .Options
	User       string            `toml:"user"`
	Secret     string            `toml:"secret"` // what is in secret_file
	CA         []byte            // what is in ca_file, PEM; none: the system's
	From       string            `toml:"from"`   // sender of what has none
	Answer     time.Duration     `toml:"answer"` // how long an answer may take; 0: 30s
	Options    map[string]string `toml:"options"`
	SignName   string            `toml:"sign_name"`   // of providers that send their own templates
	Template   Templates         `toml:"template"`    // their codes
	Params     map[string]string `toml:"params"`      // of a message: the provider's names of its variables, and templates of the values
	CodeParams map[string]string `toml:"code_params"` // of a code
	HookKey    string            `toml:"hook_key"`    // checks signatures of hooks; "": Secret
	HookFrom   []string          `toml:"hook_from"`   // networks that hooks come from; none: all
	Keys       map[string]any    // of Spec

	Public     string // [sms] public: the URL by which providers reach Hooks; "": they are told none
	HookSecret string // stands in the path of the hooks: at least 32 of a-z, A-Z, 0-9, - and _
}

// Templates are codes of a provider's own templates.
type Templates struct {
	Message string `toml:"message"`
	Code    string `toml:"code"`
}

var (
	routeName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	hookSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{32,128}$`)
)

// check finds what is wrong with the keys that are not of Spec.
func (r *Route) check() (faults gateway.Faults) {
	fault := func(key, format string, args ...any) {
		faults = append(faults, gateway.Fault{Key: key, Text: fmt.Sprintf(format, args...)})
	}
	if !routeName.MatchString(r.Name) {
		fault("name", "invalid name %q (a-z, 0-9 and hyphens, at most 32)", r.Name)
	}
	if r.Provider != custom && !slices.Contains(Presets(), r.Provider) {
		fault("provider", "unknown provider %q (must be %s or custom)", r.Provider, strings.Join(Presets(), ", "))
	}
	if len(r.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(r.CA) {
		fault("ca_file", "no certificates in it")
	}
	if r.Answer < 0 {
		fault("answer", "%s is less than 0s", r.Answer)
	}
	for _, network := range r.HookFrom {
		if _, err := netip.ParsePrefix(network); err != nil {
			fault("hook_from", "invalid network %q (example: 192.0.2.0/24)", network)
		}
	}
	if r.Public != "" {
		if u, err := url.Parse(r.Public); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(r.Public, "%?#") {
			fault("public", "invalid URL (example: https://xmpp.example.org/tocsin-sms)")
		}
		if !hookSecret.MatchString(r.HookSecret) {
			fault("hook_secret", "not 32 to 128 letters, digits, hyphens and underscores")
		}
	}
	return faults
}

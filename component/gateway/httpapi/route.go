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

// Route is the configuration of a route. Keys of the [[sms.route]] table listed by SpecKeys are in Keys as decoded; the others are
// fields. Fields without a tag are not keys of the table.
type Route struct {
	Name       string            `toml:"name"`     // a-z, 0-9 and hyphens, because it is part of URLs
	Provider   string            `toml:"provider"` // a preset, or "custom"
	URL        string            `toml:"url"`      // a template with .User and .Options; "": the preset's
	User       string            `toml:"user"`
	Secret     string            `toml:"secret"` // content of secret_file
	CA         []byte            // content of ca_file, PEM; none: the system's CAs
	From       string            `toml:"from"`   // sender of submissions without one
	Answer     time.Duration     `toml:"answer"` // timeout of a response; 0: 30s
	Options    map[string]string `toml:"options"`
	SignName   string            `toml:"sign_name"`   // for providers that only send their own templates
	Template   Templates         `toml:"template"`    // ids of these
	Params     map[string]string `toml:"params"`      // for messages: templates for the values, by the provider's variable names
	CodeParams map[string]string `toml:"code_params"` // for codes
	HookKey    string            `toml:"hook_key"`    // verifies signatures of calls; "": Secret
	HookFrom   []string          `toml:"hook_from"`   // networks that calls may come from; none: all
	Keys       map[string]any    // of Spec

	Public     string // [sms] public: the URL at which providers reach Hooks; "": there are no hooks
	HookSecret string // part of the hooks' paths: at least 32 characters of a-z, A-Z, 0-9, - and _
}

// Templates are ids of a provider's own templates.
type Templates struct {
	Message string `toml:"message"`
	Code    string `toml:"code"`
}

var (
	routeName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	hookSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{32,128}$`)
)

// check validates the keys that do not belong to Spec.
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

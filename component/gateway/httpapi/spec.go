package httpapi

import (
	"bytes"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"tocsin/component/gateway"
)

// Spec describes a provider. Values are templates of Fill; one that yields nothing is left out.
type Spec struct {
	URL     string            `toml:"url"`
	Method  string            `toml:"method"`
	Query   map[string]string `toml:"query"`
	Form    map[string]string `toml:"form"`
	JSON    map[string]any    `toml:"json"` // a string is a template; { json = "…" } one that yields JSON
	Headers map[string]string `toml:"headers"`
	Sign    string            `toml:"sign"`  // aliyun | tencent
	Check   string            `toml:"check"` // URL of a GET that needs the credentials and does nothing

	OK      Match  `toml:"ok"`      // taken; without status: any 2xx
	ID      string `toml:"id"`      // place of the provider's ids
	Later   Match  `toml:"later"`   // not taken, whatever the status
	Refused Match  `toml:"refused"` // this number, or this text, never
	Stopped Match  `toml:"stopped"` // its owner has opted out

	Report   Report `toml:"report"`
	Reply    Reply  `toml:"reply"`
	Hook     string `toml:"hook"`      // secret | twilio | telnyx | basic | hmac-sha256:HEADER
	HookTime string `toml:"hook_time"` // header with Unix seconds that is signed after the body
	Answer   string `toml:"hook_answer"`
}

// Match is a condition: all that it says must hold, and it must say something.
type Match struct {
	Status []int    `toml:"status"`
	Path   string   `toml:"path"`   // in the JSON; all values there must be among Values, and "*" stands for any element
	Values []string `toml:"values"` // one that ends in "*" is a prefix
	Match  string   `toml:"match"`  // regular expression that the body matches
}

// Report says where reports have what. Places are "query:NAME", "form:NAME", "json:PATH", "param:NAME"
// (any of these) or "header:NAME"; "a|b" is the first that has a value, "a+b" both in a row.
type Report struct {
	Each   string            `toml:"each"` // place of a list of reports, "json:" for the whole; the others are relative to its elements
	When   Match             `toml:"when"` // others are none; Path is a place
	Ref    string            `toml:"ref"`
	ID     string            `toml:"id"`
	State  string            `toml:"state"`
	States map[string]string `toml:"states"` // values of State, whatever their case: accepted | delivered | failed | expired
	Bits   map[string]string `toml:"bits"`   // of a number: the most bits that are all set
}

// Reply says where replies have what.
type Reply struct {
	Each string `toml:"each"`
	When Match  `toml:"when"`
	ID   string `toml:"id"`
	From string `toml:"from"`
	To   string `toml:"to"`
	Text string `toml:"text"`
}

// SpecKeys are the keys of a route's table that belong to Spec.
func SpecKeys() []string {
	t := reflect.TypeFor[Spec]()
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "url" { // which Route has
			keys = append(keys, key)
		}
	}
	return keys
}

// resolve returns the preset with the route's own keys over it.
func (r *Route) resolve() (Spec, gateway.Faults) {
	table := map[string]any{}
	if r.Provider != custom {
		table = presetTable(r.Provider)
	}
	merge(table, r.Keys)
	var text bytes.Buffer
	var s Spec
	if err := toml.NewEncoder(&text).Encode(table); err != nil {
		return s, gateway.Faults{{Key: "provider", Text: "cannot be written as TOML"}}
	}
	meta, err := toml.Decode(text.String(), &s)
	if err != nil {
		key, fault := "provider", strings.TrimPrefix(err.Error(), "toml: ")
		if m := lastKey.FindStringSubmatch(fault); m != nil {
			key, fault = m[1], m[2]
		}
		return s, gateway.Faults{r.blame(key, fault)}
	}
	var faults gateway.Faults
	for _, key := range meta.Undecoded() {
		if key[0] != "json" {
			faults = append(faults, r.blame(key.String(), "unknown key"))
		}
	}
	return s, faults
}

// lastKey is how the library names the key of a value of another type than is wanted.
var lastKey = regexp.MustCompile(`^line \d+ \(last key "([^"]*)"\): (.*)$`)

// merge lays one table over another: tables within key by key.
func merge(under, over map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(over)) {
		if inner, ok := over[key].(map[string]any); ok {
			if below, ok := under[key].(map[string]any); ok && slices.Contains([]string{"query", "form", "json", "headers"}, key) {
				merge(below, inner)
				continue
			}
		}
		under[key] = over[key]
	}
}

// blame makes a fault of a key of Spec: the route's, or the preset's.
func (r *Route) blame(key, text string) gateway.Fault {
	f := gateway.Fault{Key: key, Text: strings.ReplaceAll(strings.TrimSuffix(text, "."), "\n", " ")}
	root, rest, _ := strings.Cut(key, ".")
	own, ok := r.Keys[root]
	if inner, isTable := own.(map[string]any); ok && isTable && rest != "" {
		first, _, _ := strings.Cut(rest, ".")
		_, ok = inner[strings.Trim(first, `"`)]
	}
	if root == "url" {
		ok = r.URL != ""
	}
	if !ok && r.Provider != custom {
		f.File, f.Line = presetPath(r.Provider), presetLine(r.Provider, key)
	}
	return f
}

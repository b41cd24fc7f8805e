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

// Spec describes a provider. Values are templates executed with Fill; empty results are omitted.
type Spec struct {
	URL     string            `toml:"url"`
	Method  string            `toml:"method"`
	Query   map[string]string `toml:"query"`
	Form    map[string]string `toml:"form"`
	JSON    map[string]any    `toml:"json"` // a string is a template; { json = "…" } one that yields JSON
	Headers map[string]string `toml:"headers"`
	Sign    string            `toml:"sign"`  // aliyun | tencent
	Check   string            `toml:"check"` // URL of a GET that needs the credentials and has no effect

	OK      Match  `toml:"ok"`      // accepted; without status: any 2xx
	ID      string `toml:"id"`      // path of the provider's ids
	Denied  Match  `toml:"denied"`  // certainly not accepted, whatever the status, until an admin acts: credentials, credit; before later
	Later   Match  `toml:"later"`   // certainly not accepted, whatever the status; before refused
	Refused Match  `toml:"refused"` // this number or text will never be accepted
	Stopped Match  `toml:"stopped"` // the number's owner has opted out

	Report   Report `toml:"report"`
	Reply    Reply  `toml:"reply"`
	Hook     string `toml:"hook"`      // secret | twilio | telnyx | basic | hmac-sha256:HEADER
	HookTime string `toml:"hook_time"` // header with Unix seconds, signed after the body
	Answer   string `toml:"hook_answer"`
}

// Match is a condition. All parts that are set must hold, and at least one must be set.
type Match struct {
	Status []int    `toml:"status"`
	Path   string   `toml:"path"`   // in the JSON; all values there must be among Values. "*" is any element of a list
	Values []string `toml:"values"` // a trailing "*" makes a value a prefix
	Match  string   `toml:"match"`  // regular expression for the body
}

// Report says where reports have their fields. Places are "query:NAME", "form:NAME", "json:PATH", "param:NAME" (any of these),
// "header:NAME" or "text:VALUE" (the value itself); "a|b" is the first with a value, "a+b" the concatenation, if both have one.
type Report struct {
	Each   string            `toml:"each"` // place of a list of reports ("json:" is the whole body); other places are relative to its elements
	When   Match             `toml:"when"` // a condition for being a report; Path is a place
	Ref    string            `toml:"ref"`
	ID     string            `toml:"id"`
	State  string            `toml:"state"`
	States map[string]string `toml:"states"` // by values of State, ignoring case, a trailing "*" makes one a prefix: accepted | delivered | failed | expired
	Bits   map[string]string `toml:"bits"`   // by bit masks, if State is a number; of several that match, the one with the most bits
}

// Reply says where replies have their fields.
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
		if key := t.Field(i).Tag.Get("toml"); key != "url" { // Route has it
			keys = append(keys, key)
		}
	}
	return keys
}

// resolve returns the preset, overridden by the route's own keys.
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
		return s, gateway.Faults{r.faultOf(key, fault)}
	}
	var faults gateway.Faults
	for _, key := range meta.Undecoded() {
		if key[0] != "json" {
			faults = append(faults, r.faultOf(key.String(), "unknown key"))
		}
	}
	return s, faults
}

// lastKey matches the library's error for a value of the wrong type, which names the key.
var lastKey = regexp.MustCompile(`^line \d+ \(last key "([^"]*)"\): (.*)$`)

// merge overrides keys of a table by those of another. Some tables are merged key by key.
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

// faultOf returns a fault of a key of Spec, located in the route or in its preset.
func (r *Route) faultOf(key, text string) gateway.Fault {
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

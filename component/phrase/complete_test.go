package phrase

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/numbers"
	"tocsin/track"
)

// TestComplete checks that each language has every text, in its own script.
func TestComplete(t *testing.T) {
	for _, lang := range languages {
		p := In(lang)
		if p.Lang != lang {
			t.Errorf("In(%q) speaks %q", lang, p.Lang)
		}
		count := 0
		walk(reflect.ValueOf(*p), lang, func(path, text string) {
			count++
			han := strings.IndexFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) || r == '，' }) >= 0
			latin := strings.IndexFunc(text, unicode.IsLetter) >= 0
			switch {
			case text == "" && !strings.HasSuffix(path, ".Hint") && !strings.HasSuffix(path, ".Intro"):
				t.Errorf("%s says nothing", path)
			case lang == "zh" && latin && !han && !strings.HasSuffix(path, ".Lang"):
				t.Errorf("%s is not in Chinese: %s", path, text)
			case lang == "en" && han:
				t.Errorf("%s is not in English: %s", path, text)
			case strings.Contains(text, "%"): // profanity 0.13 uses notes as format strings
				t.Errorf("%s has a percent sign: %s", path, text)
			}
		})
		t.Logf("%s: %d phrases", lang, count)
	}
	hints := func(lang string) (set []string) {
		walk(reflect.ValueOf(*In(lang)), "", func(path, text string) {
			if text == "" {
				set = append(set, path)
			}
		})
		return set
	}
	if diff := cmp.Diff(hints("en"), hints("zh")); diff != "" {
		t.Errorf("explained in one language only: %s", diff)
	}
}

// TestGlossary checks that no text, here or in the plugin, has a word that docs/design/glossary.md rules out.
func TestGlossary(t *testing.T) {
	const glossary, plugin = "../../docs/design/glossary.md", "../../contrib/converse/texts.js"
	table, err := os.ReadFile(glossary)
	if err != nil {
		t.Fatal(err)
	}
	var ruledOut []string
	terms, _, _ := strings.Cut(string(table), "\n## ") // the rest is about code
	for line := range strings.Lines(terms) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "--") || strings.TrimSpace(cells[4]) == "not" {
			continue
		}
		for _, word := range strings.Split(cells[4], ",") {
			if word = strings.TrimSpace(word); word != "" {
				ruledOut = append(ruledOut, word)
			}
		}
	}
	if len(ruledOut) < 10 {
		t.Fatalf("%s rules out %q alone", glossary, ruledOut)
	}
	check := func(where, text string) {
		for _, word := range ruledOut {
			if strings.Contains(text, word) {
				t.Errorf("%s says %q: %s", where, word, text)
			}
		}
	}
	for _, file := range []string{"english.go", "english_form.go", "english_commands.go", "chinese.go", "chinese_form.go", "chinese_commands.go"} {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				check(file, lit.Value)
			}
			return true
		})
	}
	texts, err := os.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(texts)) {
		check(plugin, strings.TrimSpace(line))
	}
}

func walk(v reflect.Value, path string, yield func(path, text string)) {
	switch v.Kind() {
	case reflect.String:
		yield(path, v.String())
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, yield)
		}
	case reflect.Func:
		if v.IsNil() {
			yield(path, "")
			return
		}
		var args []reflect.Value
		for i := range v.Type().NumIn() {
			args = append(args, sample(v.Type().In(i)))
		}
		yield(path, v.Call(args)[0].String())
	}
}

func sample(t reflect.Type) reflect.Value {
	for _, v := range []any{
		now, 90 * time.Minute, 3, "x", []string{"x"}, track.StateTimeoutUnread, numbers.FixedLine,
		numbers.Faults{{Line: 3, Text: "x"}}, track.Number{E164: "+8613800138000"}, []Open{{"7f3c", "x"}, {"9k2d", "y"}},
		[]Waiting{{"x", sent, track.StatePending}}, Waiting{"x", sent, track.StatePending}, Digest{Read: []string{"x"}},
		PromptContent{With: "x", Sent: []time.Time{sent}, Now: now}, Cancel, track.Explanation{Reason: track.ReasonMuted},
	} {
		if reflect.TypeOf(v) == t {
			return reflect.ValueOf(v)
		}
	}
	return reflect.Zero(t)
}

// TestEveryVerb checks that each command is explained in each language, with an example that Parse understands.
func TestEveryVerb(t *testing.T) {
	for verb := range words {
		if verb == Greeting || verb == Help {
			continue
		}
		for _, lang := range languages {
			usage := In(lang).Commands.Usage(verb)
			example, _, _ := strings.Cut(strings.Trim(usage, `"“`), map[string]string{"en": `"`, "zh": "”"}[lang])
			if got := Parse(example); got.Verb != verb {
				t.Errorf("%s: %q explains %q, but is read as %+v", lang, usage, verb, got)
			}
		}
	}
	for _, lang := range languages {
		for line := range strings.Lines(In(lang).Commands.Help) {
			if verb := Topic(strings.TrimLeft(line, `"“`)); verb == Unknown && !strings.Contains(line, "“已发”") && !strings.Contains(line, `"sent"`) {
				t.Errorf("%s: the help names something that is not understood: %s", lang, line)
			}
		}
	}
}

// TestEveryWord checks that all values of track's enumerations have distinct texts.
func TestEveryWord(t *testing.T) {
	consts := constants(t, "Reason", "State")
	if len(consts["Reason"]) < 15 || len(consts["State"]) < 10 {
		t.Fatalf("found %v in track", consts)
	}
	for _, lang := range languages {
		p := In(lang)
		texts := map[string]string{}
		distinct := func(what, text string) {
			if text == "" || texts[text] != "" {
				t.Errorf("%s: %s and %s are the same: %q", lang, what, texts[text], text)
			}
			texts[text] = what
		}
		for _, s := range consts["State"] {
			distinct("state "+s, p.Watch.State(track.State(s)))
		}
		for _, w := range consts["Reason"] {
			distinct("why "+w, p.Watch.Reason(track.Explanation{Reason: track.Reason(w), Until: track.At(sent)}, now))
		}
		for _, r := range numbers.Refusals {
			distinct("refusal "+string(r), p.Form.Fault.Refused("110", r))
		}
		for _, r := range []string{"displayed", "delivered", "claimed", "answered", "snoozed", "cancelled", "expired", "retracted"} {
			if r != "claimed" && r != "snoozed" { // nothing is settled
				distinct("settled, "+r, p.Chat.Settled("bob", track.Withdrawal(r), sent, now))
			}
		}
		for _, of := range []track.Tier{track.TierDomain, track.TierSender, track.TierHint} {
			if of != track.TierDomain {
				distinct("never, "+string(of), p.Watch.Reason(track.Explanation{Reason: track.ReasonNeverMode, Whose: of}, now))
			}
		}
	}
}

// constants returns the values of track's constants of the given types.
func constants(t *testing.T, types ...string) map[string][]string {
	files, err := filepath.Glob("../../track/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := map[string][]string{}
	inspect := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		for _, name := range types {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == name {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
					value, _ := strconv.Unquote(lit.Value)
					found[name] = append(found[name], value)
				}
			}
		}
		return true
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	return found
}

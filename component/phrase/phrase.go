// Package phrase holds every sentence that the component says, in English and Chinese, and parses what people reply
// (parse.go). It is pure.
//
// Each language is a value of the same type, whose fields are texts and functions that make texts, so neither language can
// lack what the other has. Tests check both for completeness and for the terms of docs/design/glossary.md
// (complete_test.go).
package phrase

import (
	"strings"
	"time"
)

// Phrases is all that Tocsin says, in one language.
type Phrases struct {
	Lang string // as in xml:lang

	Chat   Chat
	Orders Orders
	Watch  Watch
	Form   Form
	Web    Web
	SMS    SMS

	// Time gives the time of day of at, with the date if that is not the date of now, and with "UTC" if at is in it: a
	// reader whose time zone is not known should be told.
	Time func(at, now time.Time) string
	// Duration gives d in words, to the second.
	Duration func(d time.Duration) string
}

// Languages are the codes of all languages.
var Languages = []string{"en", "zh"}

// In returns the phrases of a language as Language returns it.
func In(lang string) *Phrases {
	if lang == "zh" {
		return &chinese
	}
	return &english
}

// Join makes one text of two, either of which may be "": Chinese has no space between sentences.
func (p *Phrases) Join(first, second string) string {
	if p.Lang == "zh" || first == "" || second == "" {
		return first + second
	}
	return first + " " + second
}

// Pair says how something stands: "label: value".
func (p *Phrases) Pair(label, value string) string {
	if p.Lang == "zh" {
		return label + "：" + value
	}
	return label + ": " + value
}

// Language returns the first of the choices that is spoken here, "en" if none is. They are given as xml:lang (BCP 47) or
// as locales ("zh_CN.UTF-8"); an empty one is no choice.
func Language(choices ...string) string {
	for _, choice := range choices {
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(choice)), "-")
		primary, _, _ = strings.Cut(primary, "_")
		for _, lang := range Languages {
			if primary == lang {
				return lang
			}
		}
	}
	return Languages[0]
}

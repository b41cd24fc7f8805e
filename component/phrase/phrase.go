// Package phrase contains all texts for users, in English and Chinese, and parses what users write to the contact (parse.go). It
// is pure.
//
// Each language is a value of the same type, whose fields are texts and functions that return texts, so no language can lack a
// text. Tests check completeness and the terms of docs/design/glossary.md (complete_test.go).
package phrase

import (
	"strings"
	"time"
)

// Phrases contains all texts in one language.
type Phrases struct {
	Lang string // as in xml:lang

	Chat     Chat
	Commands Commands
	Watch    Watch
	Form     Form
	Web      Web
	SMS      SMS

	// Time formats the time of day, with the date unless it is that of now, and with "UTC" if at is in UTC: that means that the
	// reader's time zone is not known.
	Time func(at, now time.Time) string
	// Duration formats d in words, to the second.
	Duration func(d time.Duration) string
}

// languages are the codes of all languages.
var languages = []string{"en", "zh"}

// In returns the phrases in a language returned by Language.
func In(lang string) *Phrases {
	if lang == "zh" {
		return &chinese
	}
	return &english
}

// Join joins two sentences, either of which may be "". Chinese has no space between sentences.
func (p *Phrases) Join(first, second string) string {
	if p.Lang == "zh" || first == "" || second == "" {
		return first + second
	}
	return first + " " + second
}

// Pair formats "label: value".
func (p *Phrases) Pair(label, value string) string {
	if p.Lang == "zh" {
		return label + "：" + value
	}
	return label + ": " + value
}

// Language returns the first supported language among the choices, or "en". Choices are values of xml:lang (BCP 47) or locales
// ("zh_CN.UTF-8"); empty ones are skipped.
func Language(choices ...string) string {
	for _, choice := range choices {
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(choice)), "-")
		primary, _, _ = strings.Cut(primary, "_")
		for _, lang := range languages {
			if primary == lang {
				return lang
			}
		}
	}
	return languages[0]
}

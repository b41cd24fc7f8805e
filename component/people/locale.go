package people

import (
	"slices"

	"tocsin/component/phrase"
	"tocsin/track"
)

// Language returns the language to use for a user: the first one chosen, for instance by a message or a request, else
// the user's, else the domain's own. Servers stamp every stanza with the language of its stream, mostly "en" regardless of
// the user, so the domain's own language does not count as a choice.
func Language(prefs track.Prefs, domain string, choices ...string) string {
	chosen := slices.DeleteFunc(slices.Clone(choices), func(lang string) bool { return lang != "" && phrase.Language(lang) == domain })
	return phrase.Language(append(chosen, prefs.Language, domain)...)
}

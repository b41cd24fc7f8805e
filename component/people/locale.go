package people

import (
	"slices"

	"tocsin/component/phrase"
	"tocsin/track"
)

// Language returns the language to speak to a user: that of the first choice, as of a message or a request, else the user's,
// else the domain's own. Servers stamp every stanza with the language of its stream, mostly "en" whoever writes: the
// domain's own language is no choice.
func Language(prefs track.Prefs, domain string, choices ...string) string {
	chosen := slices.DeleteFunc(slices.Clone(choices), func(lang string) bool { return lang != "" && phrase.Language(lang) == domain })
	return phrase.Language(append(chosen, prefs.Language, domain)...)
}

package track

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pairs are clients between which the old rule misread silence: it trusted whatever a client announces, and whatever it had
// once proved to anybody. Each has stories in internal/scenarios with the stanzas of these clients. Whether
// they failed under that rule was tested once, on revision 4026773, with the tap of the stories.
var pairs = []struct {
	sender, recipient, before, now string
	stories                        []pairStory
}{
	{"Converse, Psi, profanity, poezio, aTalk, Snikket (iOS), Stork", "Conversations, Quicksy, Snikket (Android), Cheogram, monocles, Monal, Siskin, Movim, Converse",
		"**not read**, though nothing asked for a marker", "delivered; reading unknown", []pairStory{
			{"converse_conversations", true}, {"psi_monal", true}, {"profanity_quicksy", true}, {"poezio_cheogram", true}, {"atalk_monocles", true},
			{"snikket_ios_snikket_android", true}, {"stork_siskin", true}, {"converse_movim", true}, {"converse_converse", true}}},
	{"Kaidan", "Kaidan (OMEMO 2)", "**not delivered**, every message: receipts and markers are inside the encryption", "unknown", []pairStory{{"kaidan_kaidan", true}}},
	{"any", "Dino, Gajim, Kaidan, Siskin, Beagle with read receipts off", "**not read**: the feature stays announced", "assumed until three answers without a marker, then unknown",
		[]pairStory{{"conversations_dino_off", true}, {"conversations_gajim_kaidan_off", true}, {"conversations_siskin_beagle_off", true}}},
	{"Conversations, then Converse", "Conversations", "first message **not read**: only the newest is marked", "reading unknown while the newest is not markable", []pairStory{{"two_devices_conversations", true}}},
	{"a stranger", "Gajim, Monal, Conversations", "**not delivered**: they confirm only to contacts", "unknown", []pairStory{{"stranger_gajim", true}}},
	{"any", "Gajim, Dino, Converse, Movim after a dead session; Siskin after sleep", "**not delivered**: of messages fetched from the archive, none or only the newest is confirmed",
		"fetched, and the time to read goes on; delivered, by order", []pairStory{{"gajim_after_dead_session", true}, {"dino_after_dead_session", true}, {"conversations_siskin_archive", true}}},
	{"any", "Siskin, Snikket (iOS) asleep", "not delivered until the app is opened; a push notification shows the text, and nobody can know", "the same", []pairStory{{"conversations_siskin_asleep", false}}},
	{"Converse, Kaidan, sending markers or chat states in OMEMO 2", "any", "**a prompt about a message that nobody wrote**", "not a message", []pairStory{{"converse_omemo2", true}}},
	{"Conversations", "Pidgin now, a phone that acknowledged before", "**not delivered**: Pidgin was expected to do what the phone did", "handed over: unknown", []pairStory{{"conversations_pidgin", true}}},
	{"any", "Conversations, answering from the notification", "**an alarm after the answer**: nothing had proved delivery", "the answer reads what was handed over", []pairStory{{"conversations_inline_reply", true}}},
	{"Conversations, Gajim", "Converse alone", "silent until the first marker, since nothing is announced; then right", "the same", []pairStory{{"gajim_converse", false}}},
	{"Psi", "Gajim, Dino, Kaidan, which mark unasked", "**reading expected of the very first message**, because of what they announce", "from the first such marker on, wherever they are", []pairStory{{"psi_gajim", true}, {"psi_dino_kaidan", false}}},
	{"profanity", "a phone that sleeps, before its first acknowledgement", "**silent**: nothing was asked for", "not delivered, by XEP-0198", []pairStory{{"profanity_snikket", true}}},
}

// pairStory is a story, and whether it failed under the earlier rule.
type pairStory struct {
	name string
	was  bool
}

func writePairs(w io.Writer) {
	var wrong, all, wrongPairs int
	for _, p := range pairs {
		if slices.ContainsFunc(p.stories, func(s pairStory) bool { return s.was }) {
			wrongPairs++
		}
		for _, s := range p.stories {
			all++
			if s.was {
				wrong++
			}
		}
	}
	fmt.Fprintf(w, "\n## Clients by pairs\n\nResults before these tables, when a client's announcement, or proof it had once sent to anybody, counted as a promise, and now. Before,\n"+
		"%d of these %d pairs were wrong, and %d of their %d stories failed (✗). Now all pass, with every tap that can report them and on both databases.\n\n"+
		"| from | to | before | now | stories |\n|---|---|---|---|---|\n", wrongPairs, len(pairs), wrong, all)
	for _, p := range pairs {
		var stories []string
		for _, s := range p.stories {
			mark := "✓"
			if s.was {
				mark = "✗"
			}
			stories = append(stories, fmt.Sprintf("[%s](../internal/scenarios/testdata/pair_%s.txtar) %s", s.name, s.name, mark))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", p.sender, p.recipient, p.before, p.now, strings.Join(stories, ", "))
	}
}

// Each story of a pair is in the table, and each one in the table exists.
func TestPairs(t *testing.T) {
	var named, told []string
	for _, p := range pairs {
		for _, s := range p.stories {
			named = append(named, "pair_"+s.name+".txtar")
		}
	}
	files, err := filepath.Glob("../internal/scenarios/testdata/pair_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		told = append(told, filepath.Base(f))
	}
	slices.Sort(named)
	slices.Sort(told)
	if !slices.Equal(named, told) {
		t.Errorf("in the table %q, stories %q", named, told)
	}
}

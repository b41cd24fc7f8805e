package track

import "testing"

// TestTextIDs: an id of a provider means what it meant first, on its own route only.
func TestTextIDs(t *testing.T) {
	w := newWorld()
	w.texting()
	w.policy.SMS.Reaches = func(string) bool { return true }
	begin := func(number, route string) string {
		x := &TextTry{Number: number, Route: route}
		w.feed(x)
		w.feed(&TextSubmit{Text: x.ID, Route: route, Segments: 1})
		return x.ID
	}
	state := func(id string) TextState { return w.store.texts[id].State }
	report := func(route, text string, state TextState) bool {
		r := &TextReported{PartKey: PartKey{route, "1"}, Text: text, State: state}
		w.feed(r)
		return r.Found
	}
	first := begin(bobsNumber, "a")
	w.feed(&TextSent{Text: first, Route: "a", IDs: []string{"1"}})
	is(t, "known on another route", report("b", "", TextFailed), false)
	is(t, "first", state(first), TextTaken)

	second := begin(davesNumber, "a")
	is(t, "known by its reference", report("a", second, TextFailed), true)
	report("a", "", TextTaken)
	is(t, "first, after the second used its id", state(first), TextTaken)
	report("a", "", TextDelivered)
	is(t, "first, delivered", state(first), TextDelivered)
}

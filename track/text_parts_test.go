package track

import (
	"testing"
	"time"
)

// TestTextParts: a long SMS is delivered when all its parts are, has failed when one has, and where its parts have no names what is reported
// counts. Names are of one route only.
func TestTextParts(t *testing.T) {
	sent := func(ids ...string) Input { return &TextSent{Route: "route", IDs: ids} }
	says := func(route, id string, state TextState) Input {
		return &TextReported{PartKey: PartKey{route, id}, State: state}
	}
	for name, tc := range map[string]struct {
		said  []Input
		want  TextState
		heard string
	}{
		"one of two": {[]Input{sent("a", "b"), says("route", "a", TextDelivered)}, TextTaken, "/sent"},
		"both":       {[]Input{sent("a", "b"), says("route", "a", TextDelivered), says("route", "b", TextDelivered)}, TextDelivered, "/sent escalated/delivered"},
		"each twice": {[]Input{sent("a", "b"), says("route", "b", TextDelivered), says("route", "b", TextDelivered), says("route", "a", TextDelivered), says("route", "a", TextDelivered)}, TextDelivered, "/sent escalated/delivered"},
		"one fails":  {[]Input{sent("a", "b"), says("route", "a", TextDelivered), says("route", "b", TextFailed)}, TextFailed, "/sent escalated/failed"},
		"one expires, and the other is delivered later": {[]Input{sent("a", "b"), says("route", "a", TextExpired), says("route", "b", TextDelivered)}, TextExpired, "/sent escalated/failed"},
		"of another route":                                     {[]Input{sent("a"), says("second", "a", TextFailed)}, TextTaken, "/sent"},
		"without names, by our reference":                      {[]Input{sent(), says("route", "", TextDelivered)}, TextDelivered, "/sent escalated/delivered"},
		"without names, where the first part alone is told of": {[]Input{sent(), says("route", "1", TextDelivered)}, TextDelivered, "/sent escalated/delivered"},
		"before the answer":                                    {[]Input{says("route", "a", TextDelivered), sent("a", "b")}, TextTaken, "/sent"},
		"all before the answer":                                {[]Input{says("route", "a", TextDelivered), says("route", "b", TextDelivered), sent("a", "b")}, TextDelivered, "/sent escalated/delivered"},
	} {
		automatically(t, name, func(t *testing.T, w *world) {
			w.step(2 * time.Minute)
			x := w.sms()[0]
			w.feed(&TextSubmit{Text: x.ID, Messages: x.Messages, Route: "route", Segments: 2})
			for _, in := range tc.said {
				switch in := in.(type) {
				case *TextSent:
					in.Text = x.ID
				case *TextReported:
					if in.Route == "route" {
						in.Text = x.ID
					}
				}
				w.feed(in)
				w.restart()
			}
			timed := 0
			for _, in := range tc.said {
				if r, ok := in.(*TextReported); ok && r.SentAt != 0 {
					timed++
				}
			}
			_, byReport := tc.said[len(tc.said)-1].(*TextReported)
			is(t, "reports by which the phone has it", timed == 1, byReport && tc.want == TextDelivered)
			is(t, "state", w.sms()[0].State, tc.want)
			is(t, "told", w.heard("m1"), "timeout-undelivered escalated"+tc.heard)
		})
	}
}

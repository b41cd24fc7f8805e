package component

import (
	"fmt"
	"testing"

	"tocsin/internal/expect"
	"tocsin/track"
)

// A client pages through its states: each comes once, and the end is told.
func TestSyncInPages(t *testing.T) {
	serve(t, func(s *served) {
		for rev := range int64(7) {
			key := track.Key{Sender: "alice@example.org", Recipient: "bob@example.org", ID: fmt.Sprint("m", rev)}
			s.store.messages = append(s.store.messages, track.Message{Ord: rev + 1, Key: key, Notice: track.Notice{Seq: 1, Rev: 10 * (rev + 1), State: track.StateDelivered}})
		}
		var got []string
		token := ""
		for page := 1; ; page++ {
			s.send("<iq type='get' from='alice@example.org/phone' to='tocsin.example.org' id='s'><sync xmlns='urn:tocsin:escalation:0' after='%s' max='3'/></iq>", token)
			s.later(0)
			answer := s.peer.Take()[0].Children[0]
			for _, status := range answer.Children {
				got = append(got, status.Attr["id"])
			}
			token = answer.Attr["last"]
			if answer.Attr["complete"] == "true" {
				expect.Equal(t, "pages", page, 3)
				break
			}
		}
		expect.Equal(t, "states", got, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6"})
		expect.Equal(t, "token", token, "70")
	})
}

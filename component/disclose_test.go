package component

import (
	"fmt"
	"testing"
	"testing/synctest"

	"tocsin/internal/expect"
	"tocsin/internal/fakeserver"
	"tocsin/track"
)

// cardOf looks a vCard's number up; answer makes the answer to each question, "" is none.
func (s *served) cardOf(owner string, answer func(*fakeserver.Element) string) (number track.Number, asked int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		number, err = s.roster.vcard(s.Context(), owner)
	}()
	synctest.Wait()
	for _, e := range s.peer.Take() {
		asked++
		if xml := answer(e); xml != "" {
			s.send("%s", xml)
		}
	}
	<-done
	return number, asked, err
}

const card = "<iq type='result' from='bob@example.org' to='tocsin.example.org' id='%s'>" +
	"<vCard xmlns='vcard-temp'><TEL><CELL/><NUMBER>+8613800138000</NUMBER></TEL></vCard></iq>"

// What could not be found out because the stream was down, or the other side hung, is not held against anybody for long.
func TestVCardThatCouldNotBeRead(t *testing.T) {
	serve(t, func(s *served) {
		mute := func(*fakeserver.Element) string { return "" }
		number, asked, err := s.cardOf("bob@example.org", mute)
		expect.Equal(t, "mute: number", number.E164, "")
		expect.Equal(t, "mute: asked", asked, 1)
		expect.Equal(t, "mute: error", err, error(nil))
		_, asked, _ = s.cardOf("bob@example.org", mute)
		expect.Equal(t, "asked again at once", asked, 0)
		s.peer.Cut()
		synctest.Wait()
		if _, _, err := s.cardOf("carol@example.org", mute); err == nil {
			t.Error("no error while the stream is down")
		}
		s.connected()
		s.later(rosterLife)
		number, _, err = s.cardOf("bob@example.org", func(e *fakeserver.Element) string { return fmt.Sprintf(card, e.Attr["id"]) })
		expect.Equal(t, "later: number", number.E164, "+8613800138000")
		expect.Equal(t, "later: error", err, error(nil))
	})
}

package storagetest

import (
	"slices"
	"time"

	"tocsin/track"
)

func text(after int64, id string) track.Text {
	return track.Text{ID: id, Row: ord(after), Conv: key("").Conv(), Number: "+8613800138000", QueuedAt: now + track.Time(after)}
}

// Texts are stored and loaded unchanged, with their messages and parts, by their own ids and by those of their parts.
func texts(s *suite) {
	m := pending(0, "m1")
	x := text(1, "0123456789abcdef0123456789abcdef")
	x.State, x.Messages, x.Prompt, x.Route, x.From, x.Segments, x.Parts, x.Answered, x.Body = track.TextSubmitting, []int64{m.Ord}, "p-1", "carrier", "+1", 3, 2, true, "Call me \"now\""
	x.SentAt, x.EndedAt = now+2, now+3
	parts := []track.Part{
		{PartKey: track.PartKey{Route: "carrier", ID: "a \"1\""}, Text: x.ID, Row: x.Row, State: track.TextTaken},
		{PartKey: track.PartKey{Route: "carrier", ID: "\xff\x00"}, Text: x.ID, Row: x.Row, State: track.TextFailed},
	}
	bound := track.Number{JID: bob, E164: x.Number, Source: track.FromUser, Verified: true}
	s.must(s.SetNumbers(s.Context(), bound))
	pair := track.Pair{Conv: x.Conv, Refused: 7}
	s.commit(track.Changes{Insert: []track.Message{m}, Pairs: []track.Pair{pair}, Texts: []track.Text{x}, Parts: append(slices.Clone(parts), parts[0])})
	parts[1].ID = "\uFFFD\uFFFD"
	for _, w := range []track.Want{{Texts: []string{x.ID}}, {Parts: []track.PartKey{parts[0].PartKey}}, {Parts: []track.PartKey{{Route: "carrier", ID: "\xff\x00"}}}} {
		loaded := s.load(w)
		slices.SortFunc(loaded.Parts, func(a, b track.Part) int { return int(a.State) - int(b.State) })
		s.same(track.Loaded{Messages: []track.Message{m}, Texts: []track.Text{x}, Parts: parts, Numbers: []track.Number{bound}, Pairs: []track.Pair{pair}}, loaded)
	}
	s.same(track.Loaded{}, s.load(track.Want{Texts: []string{"none"}, Parts: []track.PartKey{{Route: "other", ID: parts[0].ID}}}))
	// A decision about a conversation loads its live SMS, without messages and parts.
	p := prompt(5, "p-1")
	s.commit(track.Changes{Prompts: []track.Prompt{p}})
	for _, w := range []track.Want{{Ords: []int64{m.Ord}}, {Prompts: []string{p.ID}}, {Rows: []int64{p.Row}}} {
		loaded := s.load(w)
		s.same([]track.Text{x}, loaded.Texts)
		s.same(0, len(loaded.Parts))
	}
	ended := x
	ended.State = track.TextDelivered
	next := text(9, "next")
	s.commit(track.Changes{Texts: []track.Text{next, ended}}) // at most one is live, in either order
	s.same([]track.Text{next}, s.load(track.Want{Ords: []int64{m.Ord}}).Texts)
	second := text(10, "second")
	if err := s.Commit(s.Context(), track.Changes{Texts: []track.Text{second}}); err == nil {
		s.Error("two SMS of a conversation are live")
	}
	seed, err := s.Seed(s.Context())
	s.must(err)
	s.same(next.Row, seed.LastOrd)
}

// Usage covers a day: of the numbers and senders involved, and in total.
func usage(s *suite) {
	day := (24 * time.Hour).Milliseconds()
	made := func(after int64, id, sender, number string, state track.TextState, segments int) track.Text {
		x := text(after, id)
		x.Sender, x.Number, x.State, x.Segments, x.SentAt = sender, number, state, segments, x.QueuedAt
		return x
	}
	const bobs, carols, daves = "+8613800138000", "+8613900139000", "+8613700137000"
	m := pending(0, "m1")
	dropped := made(-4, "dropped", alice, bobs, track.TextDropped, 0)
	dropped.SentAt = 0
	s.must(s.SetNumbers(s.Context(), track.Number{JID: bob, E164: bobs}, track.Number{JID: carol, E164: carols}))
	s.commit(track.Changes{Insert: []track.Message{m}, Texts: []track.Text{
		made(-1, "to the number", carol, bobs, track.TextTaken, 1), made(-2, "by the sender", alice, carols, track.TextRefused, 2), made(-3, "neither", carol, daves, track.TextLost, 4),
		dropped, made(-day, "old", alice, carols, track.TextTaken, 8),
	}, Stops: []track.Stop{{Number: bobs, At: now, By: track.StopByOwner}, {Number: daves, At: now, By: track.StopByAdmin}}})
	want := track.Usage{
		Used: []track.Used{{Number: bobs, Sender: carol, At: now - 1}, {Number: carols, Sender: alice, At: now - 2}}, Segments: 7, Known: []string{bobs},
		Stopped: map[string]track.StopBy{bobs: track.StopByOwner},
		Lines:   []track.LineUse{{Conv: track.Conv{Sender: carol, Recipient: bob}, Number: bobs, At: now - 1}},
	}
	s.same(want, s.load(track.Want{Ords: []int64{m.Ord}, SMS: true}).Usage)
	s.same(track.Usage{}, s.load(track.Want{Ords: []int64{m.Ord}}).Usage)
	p := prompt(5, "p-1")
	s.commit(track.Changes{Prompts: []track.Prompt{p}, Stops: []track.Stop{{Number: bobs, At: now + 9, By: track.StopByAdmin}}})
	want.Stopped = map[string]track.StopBy{bobs: track.StopByAdmin}
	s.same(want, s.load(track.Want{Prompts: []string{p.ID}, SMS: true}).Usage)
	s.commit(track.Changes{Stops: []track.Stop{{Number: bobs, At: now, By: track.StopBySMS}, {Number: bobs, At: now + 1}}}) // STOP, START
	want.Stopped = nil
	s.same(want, s.load(track.Want{Prompts: []string{p.ID}, SMS: true}).Usage)
}

// Replies are found by route and id. The SMS that they may answer are found by the phone's number, for a week.
func replies(s *suite) {
	m, week := pending(0, "m1"), track.MaxReplyWindow.Milliseconds()
	x, old, other := text(1, "sent"), text(-week-1, "old"), text(2, "to another phone")
	x.State, x.Messages, x.Route, x.From, x.Tag, x.SentAt = track.TextTaken, []int64{m.Ord}, "carrier", "+1", 12, now+1
	old.State, other.State, other.Number = track.TextTaken, track.TextTaken, "+8613900139000"
	bound := track.Number{JID: bob, E164: x.Number, Source: track.FromUser, Verified: true}
	s.must(s.SetNumbers(s.Context(), bound))
	known := track.ReplyKey{Route: "carrier", ID: "\xff\x00"}
	seen := track.ReplySeen{ReplyKey: known, At: now}
	out := track.Outgoing{ID: "r-1", Kind: track.OutReply, Owner: alice, To: []string{bob}, Ord: m.Ord, Text: "On my way \"now\"\n行", After: now}
	s.commit(track.Changes{Insert: []track.Message{m}, Texts: []track.Text{x, old, other}, Replies: []track.ReplySeen{seen}, Outbox: []track.Outgoing{out}})
	s.commit(track.Changes{Replies: []track.ReplySeen{seen, {ReplyKey: track.ReplyKey{Route: "carrier", ID: "2"}, At: now}}}) // a repetition
	loaded := s.load(track.Want{Phones: []string{x.Number}, Replies: []track.ReplyKey{{Route: "carrier", ID: "1"}, known, {Route: "other", ID: "2"}}})
	s.same(track.Loaded{Messages: []track.Message{m}, Texts: []track.Text{x}, Seen: []track.ReplyKey{known}, Numbers: []track.Number{bound}}, loaded)
	line := track.LineUse{Conv: x.Conv, Number: x.Number, Line: track.Line{Route: "carrier", From: "+1", Tag: 12}, At: now + 1}
	s.same([]track.LineUse{line}, s.load(track.Want{Ords: []int64{m.Ord}, SMS: true}).Lines)
	queue, err := s.Pending(s.Context())
	s.must(err)
	s.same([]track.Outgoing{out}, queue)
	// They are kept as long as the SMS that they answer.
	left := func(retention time.Duration) int {
		for range 3 {
			_, err := s.Prune(s.Context(), now, (now - 1).Add(-retention), 100)
			s.must(err)
		}
		return len(s.load(track.Want{Replies: []track.ReplyKey{known, {Route: "carrier", ID: "2"}}}).Seen)
	}
	s.same(2, left(0))
	s.same(2, left(-23*time.Hour))
	s.same(0, left(-25*time.Hour))
}

// Stops are listed with their numbers if known; used SMS are counted.
func stopsAndUse(s *suite) {
	const bobs, carols, strangers = "+8613800138000", "+8613900139000", "+8613700137000"
	s.must(s.SetNumbers(s.Context(), track.Number{JID: bob, E164: bobs}))
	sent, lost, queued := text(-1, "sent"), text(-2, "lost"), text(-3, "queued")
	sent.Number, sent.State, sent.Segments = carols, track.TextDelivered, 2
	lost.Sender, lost.State, lost.Segments = carol, track.TextLost, 3
	s.commit(track.Changes{Texts: []track.Text{sent, lost, queued}})
	use, err := s.SMSUse(s.Context(), now-3)
	s.must(err)
	s.same(track.SMSUse{SMS: 2, Segments: 5, Unsure: 1}, use)
	use, err = s.SMSUse(s.Context(), now-1)
	s.must(err)
	s.same(track.SMSUse{SMS: 1, Segments: 2}, use)

	set := func(stop track.Stop, want bool) {
		news, err := s.SetStop(s.Context(), stop)
		s.must(err)
		s.same(want, news)
	}
	set(track.Stop{Number: bobs}, false)
	set(track.Stop{Number: bobs, At: 1, By: track.StopByAdmin}, true)
	set(track.Stop{Number: bobs, At: 2, By: track.StopByOwner}, false)
	set(track.Stop{Number: carols, At: 3, By: track.StopBySMS, Route: "carrier"}, true)
	set(track.Stop{Number: strangers, At: 4, By: track.StopByProvider}, true)
	list := func() []track.Stop {
		all, err := s.Stops(s.Context())
		s.must(err)
		return all
	}
	s.same([]track.Stop{{At: 4, By: track.StopByProvider}, {Number: carols, At: 3, By: track.StopBySMS, Route: "carrier"}, {Number: bobs, At: 1, By: track.StopByAdmin}}, list())
	set(track.Stop{Number: strangers, At: 5}, true)
	set(track.Stop{Number: carols, At: 5}, true)
	s.same([]track.Stop{{Number: bobs, At: 1, By: track.StopByAdmin}}, list())
}

// An SMS is kept longer than the rest only while its provider may still report on it, or it counts for the day.
func pruneTexts(s *suite) {
	day := (24 * time.Hour).Milliseconds()
	old, live, young := text(-3*day, "old"), text(-3*day+1, "live"), text(-day, "young")
	old.State, young.State = track.TextTaken, track.TextTaken
	part := func(x track.Text) track.Part {
		return track.Part{PartKey: track.PartKey{Route: "r", ID: x.ID}, Text: x.ID, Row: x.Row}
	}
	stop := track.Stop{Number: "+1", At: 1, By: track.StopBySMS}
	s.commit(track.Changes{Texts: []track.Text{old, live, young}, Parts: []track.Part{part(old), part(live), part(young)}, Stops: []track.Stop{stop}})
	for range 3 {
		_, err := s.Prune(s.Context(), now, now-track.Time(day), 100)
		s.must(err)
	}
	var left []string
	loaded := s.load(track.Want{Texts: []string{"old", "live", "young"}})
	for _, x := range loaded.Texts {
		left = append(left, x.ID)
	}
	s.same([]string{"live", "young"}, left)
	s.same(2, len(loaded.Parts))
	s.must(s.SetNumbers(s.Context(), track.Number{JID: bob, E164: "+1"}))
	s.commit(track.Changes{Insert: []track.Message{pending(0, "m1")}})
	s.same(map[string]track.StopBy{"+1": track.StopBySMS}, s.load(track.Want{Ords: []int64{ord(0)}, SMS: true}).Stopped)
}

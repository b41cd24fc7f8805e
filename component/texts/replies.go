package texts

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tocsin/component/gateway"
	"tocsin/component/numbers"
	"tocsin/component/sms"
	"tocsin/track"
)

// Limits for replies: a burst and an interval per phone, and the number of phones with a limiter.
const (
	repliesBurst = 20
	repliesEvery = time.Minute
	maxPhones    = 10_000
)

// Verdicts on replies, in addition to those of package track.
const (
	replyStop    = "stop"
	replyStart   = "start"
	replyHelp    = "help" // also passed on
	replyEmpty   = "empty"
	replyOwn     = "own" // from one of our own senders: prevents loops
	replyLimited = "limited"
)

// Replied implements gateway.Sink. STOP and START apply to the number, whoever has bound it. Package track decides what any other
// reply answers, and whether HELP is answered.
func (s *Sender) Replied(ctx context.Context, r gateway.Reply) error {
	kind, err := s.replied(ctx, r)
	if err == nil {
		s.Metrics.Replies.WithLabelValues(r.Route, kind).Inc()
	}
	return err
}

func (s *Sender) replied(ctx context.Context, r gateway.Reply) (kind string, err error) {
	number, err := numbers.Parse("+"+strings.TrimPrefix(strings.TrimSpace(r.From), "+"), "")
	if err != nil { // a short code, or a name
		return string(track.ReplyUnknown), nil
	}
	o := s.Settings.Get().SMS
	var further []string
	if o != nil {
		further = o.Stop
	}
	own := o != nil && o.Routes.IsOwn(number)
	stop := track.TextStop{Stop: track.Stop{Number: number, Route: r.Route}, To: strings.TrimSpace(r.To), Quiet: own}
	keyword := sms.ReadKeyword(r.Text, further)
	switch keyword {
	case sms.Stop:
		stop.By = track.StopBySMS
		return replyStop, s.Inputs.Do(ctx, &stop)
	case sms.Start:
		return replyStart, s.Inputs.Do(ctx, &stop)
	}
	text := sms.Clean(r.Text)
	switch {
	case text == "":
		return replyEmpty, nil
	case own:
		return replyOwn, nil
	case !s.phones.allow(number, s.Clock.Now()):
		return replyLimited, nil
	}
	in := &track.TextReplied{ReplyKey: track.ReplyKey{Route: r.Route, ID: r.ID}, Number: number, To: strings.TrimSpace(r.To), Text: text, Help: keyword == sms.Help}
	in.Choice, in.Rest = sms.Choice(text)
	if err := s.Inputs.Do(ctx, in); err != nil {
		return "", err
	}
	s.Log.Info("received an SMS", "route", r.Route, "country", numbers.Country(number), "verdict", in.Verdict)
	if in.Help && in.Verdict != track.ReplyRepeated {
		return replyHelp, nil
	}
	return string(in.Verdict), nil
}

// phones limits the rate of replies from each phone.
type phones struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func (p *phones) allow(number string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.limiters[number]
	if l == nil {
		if len(p.limiters) >= maxPhones {
			clear(p.limiters)
		}
		l = rate.NewLimiter(rate.Every(repliesEvery), repliesBurst)
		p.limiters[number] = l
	}
	return l.AllowN(now, 1)
}

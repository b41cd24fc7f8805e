// Package texting tests the SMS that the component sends itself, with crashes at every point, on both databases: the ledger,
// the writer and the sender on a real store, with a scripted provider.
package texting

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/metrics"
	"tocsin/component/routes"
	"tocsin/component/settings"
	"tocsin/component/tap"
	"tocsin/component/texts"
	"tocsin/component/writer"
	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// database is used by several stories in turn, each with its own people, a day after the previous one.
type database struct {
	*storage.Store
	name    string
	file    string // of SQLite
	stories int
}

// onBoth runs a test on a new database of each kind, but with the race detector only on PostgreSQL: "make test" runs SQLite
// without it.
func onBoth(t *testing.T, test func(*testing.T, *database)) {
	for name, dsn := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "tocsin.db") },
		"postgres": func(t *testing.T) string { return lab.Postgres(t) },
	} {
		if name == "sqlite" && lab.RaceDetector {
			continue
		}
		t.Run(name, func(t *testing.T) {
			at := dsn(t)
			store, err := storage.Open(t.Context(), at, storage.Options{Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			test(t, &database{Store: store, name: name, file: strings.TrimPrefix(at, "sqlite:")})
		})
	}
}

// errCrash is the error of everything after an instance has crashed.
var errCrash = errors.New("crashed")

// crash says where an instance ends: at a commit, or at a submission to a provider; before or after it.
type crash struct {
	commit int // counted from 1; 0: none
	submit int
	after  bool
}

// life is one instance on a database, from its start to its end.
type life struct {
	t      *testing.T
	store  *storage.Store
	clock  *clock.Stepped
	policy track.Policy
	sms    *settings.SMS
	queue  *writer.Queue
	ledger *track.Ledger
	sender *texts.Sender
	live   *settings.Live
	over   <-chan struct{} // closed when it has ended or crashed
	end    func()
	wg     sync.WaitGroup

	mu      sync.Mutex
	crash   crash
	commits int
	submits int
	alarms  map[track.Alarm]bool
	jobs    map[string]bool // entries that are being sent
	later   map[string]entry
	shown   int
	told    []string
	handed  map[string]string // forwarded replies, by stanza id: receiver, author, text
	people
}

// people are those of a story.
type people struct{ alice, bob, number string }

type entry struct {
	out track.Outgoing
	at  time.Time
}

// Do implements texts.Inputs.
func (l *life) Do(ctx context.Context, in track.Input) error {
	done := make(chan error, 1)
	l.queue.Push(in, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-l.over:
		return errCrash
	}
}

func (l *life) crashed() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// Load and Commit implement writer.Store.
func (l *life) Load(ctx context.Context, w track.Want, now track.Time) (track.Loaded, error) {
	return l.store.Load(ctx, w, now)
}

func (l *life) Commit(ctx context.Context, c track.Changes) error {
	l.mu.Lock()
	l.commits++
	crashes := l.commits == l.crash.commit
	l.mu.Unlock()
	if !crashes {
		return l.store.Commit(ctx, c)
	}
	if l.crash.after {
		if err := l.store.Commit(ctx, c); err != nil {
			l.t.Error(err)
		}
	}
	l.end()
	return track.ErrFenced // nothing more is written
}

func (l *life) CommitStored(context.Context) (bool, error) { return false, nil }

type nobody struct{}

func (nobody) Parties(track.Conv) track.Parties {
	return track.Parties{Standing: track.StandingBoth}
}
func (nobody) Clients(string) track.Clients      { return track.Clients{} }
func (nobody) Present(string, string) bool       { return true }
func (nobody) Of(string) track.Prefs             { return track.Prefs{} }
func (nobody) Language(string, ...string) string { return "en" }

// story is a database, with the successive instances on it.
type story struct {
	t        *testing.T
	store    *storage.Store
	clock    *clock.Stepped
	provider *provider
	repeat   routes.Repeat
	mode     track.Mode
	asked    int // number of prompts shown
	told     []string
	handed   map[string]string
	began    track.Time
	who      people
	log      journal
	words    []string    // the texts from phones
	leads    func() bool // whether an instance that is asked is still the leader; nil: always
	*life
}

// journal is the log of all lives of a story.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func newStory(t *testing.T, on *database, repeat routes.Repeat, script map[string][]gateway.Outcome) *story {
	on.stories++
	n := on.stories
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).AddDate(0, 0, n)
	s := &story{t: t, store: on.Store, repeat: repeat, mode: track.Auto, clock: clock.NewStepped(start), handed: map[string]string{}, began: track.At(start), provider: &provider{
		script: script, sent: map[string]int{}, keys: map[string]bool{"a": repeat == routes.ByKey, "b": repeat == routes.ByKey},
	}}
	s.who = people{fmt.Sprintf("alice%d@example.org", n), fmt.Sprintf("bob%d@example.org", n), fmt.Sprintf("+86138%08d", n)}
	if err := on.SetNumbers(t.Context(), track.Number{JID: s.who.bob, E164: s.who.number, Source: track.FromUser}); err != nil {
		t.Fatal(err)
	}
	return s
}

// begin starts an instance from the state of the database.
func (s *story) begin(c crash) {
	t := s.t
	store := s.store
	ctx, end := context.WithCancel(t.Context())
	m := metrics.New(prometheus.NewRegistry())
	l := &life{t: t, store: store, clock: s.clock, queue: writer.NewQueue(s.clock, m), over: ctx.Done(), end: end, crash: c, people: s.who,
		alarms: map[track.Alarm]bool{}, jobs: map[string]bool{}, later: map[string]entry{}, handed: s.handed}
	s.life = l
	table := routes.Table{Countries: []string{"CN"}, Routes: []routes.Route{
		{Name: "a", Messages: true, Codes: true, Repeat: s.repeat}, {Name: "b", Messages: true, Codes: true, Repeat: s.repeat},
	}}
	l.sms = &settings.SMS{Routes: table, Segments: 3, Validity: 15 * time.Minute, Stop: []string{"basta"}, Gateways: map[string]gateway.Gateway{
		"a": route{l, "a", s.provider}, "b": route{l, "b", s.provider},
	}}
	l.policy = track.Policy{
		Senders: track.SendersAll, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute, MaxAfter: time.Hour, Mode: s.mode,
		Expires: time.Hour, Steps: []track.Step{{Do: track.DoPrompt}}, Disclose: track.DiscloseAll,
		SMS: &track.SMSPolicy{
			Who: track.WhoRoster, PerNumberDay: 6, PerSenderDay: 10, SegmentsDay: 100, Replies: track.RepliesForward, ReplyWindow: 24 * time.Hour,
			Reaches: func(n string) bool { return len(table.For(n, false)) > 0 },
			Code:    track.CodePolicy{NumberHour: 5, UserDay: 5, CountryDay: 100, Reaches: func(string) bool { return true }},
		},
	}
	live := settings.NewLive(settings.Settings{Language: "en", Tap: tap.Config{Domains: []string{"example.org"}}, Policy: l.policy, TextLimit: 480, SMS: l.sms, Templates: map[string]*template.Template{
		"en": template.Must(template.New("").Parse("{{if .Text}}{{.Text}}{{else}}{{.Sender}} wrote on {{.Domain}}{{end}}")),
	}}, false)
	log := slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	seed, err := store.Seed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.live, l.ledger = live, track.NewLedger(seed, &l.policy, nobody{})
	l.sender = texts.New(texts.Options{Inputs: l, People: nobody{}, Settings: live, IsLeader: func() bool { return s.leads == nil || s.leads() }, Clock: s.clock, Log: log, Metrics: m})
	w := writer.New(writer.Options{Queue: l.queue, Store: l, Ledger: l.ledger, Policy: func() *track.Policy { return &l.policy }, Committed: l.committed, Clock: s.clock, Log: log, Metrics: m})
	if err := store.Alarms(ctx, func(a track.Alarm) { l.alarms[a] = true }); err != nil {
		t.Fatal(err)
	}
	pending, err := store.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.wg.Go(func() { w.Run(ctx) })        //nolint:errcheck // it ends with the instance
	l.wg.Go(func() { l.sender.Run(ctx) }) //nolint:errcheck // it returns nil
	for _, out := range pending {
		l.dispatch(out)
	}
}

// stop ends the instance, and keeps what it has sent to people.
func (s *story) stop() {
	s.end()
	s.wg.Wait()
	s.asked += s.shown
	s.told = append(s.told, s.life.told...)
	s.discreet()
}

// discreet makes sure that the log has neither numbers nor words.
func (s *story) discreet() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	said := append([]string{s.who.number[1:], "the text of"}, s.words...)
	for _, secret := range append(said, s.provider.texts...) {
		if bytes.Contains(s.log.text.Bytes(), []byte(secret)) {
			s.t.Errorf("the log has %q", secret)
		}
	}
}

func (l *life) committed(r *track.Result) {
	l.mu.Lock()
	for _, a := range r.Alarms {
		if a.Due != 0 {
			l.alarms[a] = true
		}
	}
	for _, id := range r.Done {
		delete(l.jobs, id)
		delete(l.later, id)
	}
	for _, m := range r.Notices {
		l.told = append(l.told, strings.TrimSuffix(string(m.Notice.State)+"/"+string(m.Notice.SMS), "/"))
	}
	l.mu.Unlock()
	for _, out := range r.Outbox {
		l.dispatch(out)
	}
}

// dispatch does what the outbox does with an entry.
func (l *life) dispatch(out track.Outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch out.Kind {
	case track.OutShow:
		l.jobs[out.ID] = true
		if out.Owner == l.alice {
			l.shown++
		}
		l.wg.Go(func() {
			l.Do(l.t.Context(), &track.Shown{Prompt: out.Prompt, To: []string{out.Owner + "/phone"}}) //nolint:errcheck // or it has crashed
			l.Do(l.t.Context(), &track.OutboxDone{out.ID})                                            //nolint:errcheck
		})
	case track.OutReply:
		l.jobs[out.ID] = true
		l.handed[out.ID] = fmt.Sprintf("%s<%s %s", local(out.Owner), local(out.To[0]), out.Text)
		l.wg.Go(func() { l.Do(l.t.Context(), &track.OutboxDone{out.ID}) }) //nolint:errcheck
	case track.OutText:
		l.jobs[out.ID] = true
		l.sender.Push(out, func(after time.Duration) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.jobs[out.ID] {
				delete(l.jobs, out.ID)
				next := out
				next.Tries++
				l.later[out.ID] = entry{next, l.clock.Now().Add(after)}
			}
		})
	}
}

// settle waits until the sender is idle, or the instance has crashed.
func (l *life) settle() {
	l.t.Helper()
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(200 * time.Microsecond) {
		l.Do(l.t.Context(), nil) //nolint:errcheck // or it has crashed
		l.mu.Lock()
		busy := len(l.jobs) > 0
		l.mu.Unlock()
		if !busy || l.crashed() {
			return
		}
	}
	l.t.Fatal("an entry of the outbox was neither put off nor taken out")
}

// pass advances the clock from one due instant to the next.
func (l *life) pass(d time.Duration) {
	l.t.Helper()
	for end := l.clock.Now().Add(d); !l.crashed(); {
		l.tick()
		now, next := l.clock.Now(), end
		l.mu.Lock()
		for a := range l.alarms {
			if at := a.Due.Std(); at.Before(next) {
				next = at
			}
		}
		for _, e := range l.later {
			if e.at.Before(next) {
				next = e.at
			}
		}
		l.mu.Unlock()
		if !now.Before(end) {
			return
		}
		l.clock.Step(max(next.Sub(now), time.Millisecond))
	}
}

// tick processes everything that is due.
func (l *life) tick() {
	l.t.Helper()
	for range 20 {
		var inputs []track.Input
		var outs []track.Outgoing
		l.mu.Lock()
		now := track.At(l.clock.Now())
		for a := range l.alarms {
			if a.Due > now {
				continue
			}
			delete(l.alarms, a)
			if a.Ref < 0 {
				inputs = append(inputs, &track.PromptAlarm{Row: -a.Ref, Due: a.Due})
			} else {
				inputs = append(inputs, &track.Fact{Kind: track.AlarmFired, Ord: a.Ref, At: a.Due})
			}
		}
		for id, e := range l.later {
			if !e.at.After(l.clock.Now()) {
				delete(l.later, id)
				outs = append(outs, e.out)
			}
		}
		l.mu.Unlock()
		for _, in := range inputs {
			l.Do(l.t.Context(), in) //nolint:errcheck // or it has crashed
		}
		for _, out := range outs {
			l.dispatch(out)
		}
		l.settle()
		if len(inputs)+len(outs) == 0 || l.crashed() {
			return
		}
	}
}

// send has Alice write to Bob.
func (l *life) send(id string, change ...func(*track.Fact)) {
	f := &track.Fact{Kind: track.Sent, Key: track.Key{Sender: l.alice, Recipient: l.bob, ID: id}, At: track.At(l.clock.Now()), Once: true,
		Marks: track.AsksReceipt | track.Markable, Text: "the text of " + id, Standing: track.StandingBoth}
	for _, c := range change {
		c(f)
	}
	l.Do(l.t.Context(), f) //nolint:errcheck // or it has crashed
}

func (l *life) read(id string) {
	l.Do(l.t.Context(), &track.Fact{Kind: track.Read, Key: track.Key{Sender: l.alice, Recipient: l.bob, ID: id}, At: track.At(l.clock.Now()), Basis: track.ByMarker}) //nolint:errcheck
}

// texts returns the SMS in the database, by state.
func (s *story) texts() (states []track.TextState) {
	list, err := s.store.Texts(s.t.Context(), s.began, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, x := range list {
		states = append(states, x.State)
	}
	slices.Sort(states)
	return states
}

package adhoc

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Options bound the sessions of a Registry. Zero fields have the defaults given.
type Options struct {
	PerUser int           // sessions of one bare JID: 8; beyond that, the user's least recently used one ends
	Total   int           // sessions of all users: 1000; beyond that, the least recently used one of the user with the most ends
	Idle    time.Duration // how long a session waits for its next stage: 10 minutes

	// Language returns the language to use for the one requested, which may be "", or "" if there is none (bad-locale). Nil:
	// every language is used.
	Language func(requested string) string
}

// Registry answers the command IQs of one address. Its methods may be called concurrently.
type Registry[F any] struct {
	commands []Command[F]
	options  Options
	key      []byte // marks our session ids

	mu       sync.Mutex
	sessions map[string]*session
}

// session belongs to one full JID and one command. Its fields are guarded by the Registry's mu, except those of the stage,
// which only change while it is busy.
type session struct {
	node, lang string
	from       jid.JID
	expires    time.Time
	busy       bool // a stage is running

	stage int
	allow []Action
	data  any
}

// New returns a Registry of commands, listed in this order.
func New[F any](options Options, commands ...Command[F]) *Registry[F] {
	options.PerUser = cmp.Or(options.PerUser, 8)
	options.Total = cmp.Or(options.Total, 1000)
	options.Idle = cmp.Or(options.Idle, 10*time.Minute)
	return &Registry[F]{
		commands: commands,
		options:  options,
		key:      []byte(rand.Text()),
		sessions: make(map[string]*session),
	}
}

// Handle takes the payload of an IQ set and returns that of its result, or its error. lang is the xml:lang of the IQ.
func (r *Registry[F]) Handle(ctx context.Context, now time.Time, from jid.JID, lang string, in Payload[F]) (*Payload[F], *Error) {
	in.Action = cmp.Or(in.Action, Execute)
	if !slices.Contains([]Action{Execute, Next, Prev, Complete, Cancel}, in.Action) {
		return nil, badRequest(MalformedAction)
	}
	if in.SessionID == "" {
		return r.start(ctx, now, from, cmp.Or(in.Lang, lang), in)
	}
	if in.Action == Cancel {
		return r.cancel(now, from, in)
	}
	return r.proceed(ctx, now, from, in)
}

func (r *Registry[F]) start(ctx context.Context, now time.Time, from jid.JID, lang string, in Payload[F]) (*Payload[F], *Error) {
	command, err := r.find(in.Node, from)
	if err != nil {
		return nil, err
	}
	if in.Action != Execute {
		return nil, badRequest(BadAction)
	}
	lang, ok := r.language(lang)
	if !ok {
		return nil, badRequest(BadLocale)
	}
	resp, err := command.run(ctx, Request[F]{From: from, Lang: lang, Now: now, Action: Execute})
	if err != nil {
		return nil, err
	}
	id := r.newID(from, in.Node)
	if len(resp.Allow) > 0 {
		s := &session{node: in.Node, lang: lang, from: from, expires: now.Add(r.options.Idle), allow: resp.Allow, data: resp.Data}
		if !r.add(id, s, now) {
			return nil, failed(stanza.Wait, stanza.ResourceConstraint)
		}
	}
	return reply(id, in.Node, lang, resp), nil
}

// proceed runs a further stage. If the request itself is faulty, the session stays as it was.
func (r *Registry[F]) proceed(ctx context.Context, now time.Time, from jid.JID, in Payload[F]) (out *Payload[F], err *Error) {
	s, action, err := r.begin(now, from, in)
	if err != nil {
		return nil, err
	}
	keep := false // also after a panic
	defer func() {
		if !r.release(in.SessionID, s, keep) && keep && err == nil {
			out, err = nil, expired() // cancelled meanwhile
		}
	}()

	command, err := r.find(in.Node, from)
	if err != nil {
		return nil, err
	}
	stage := s.stage + 1
	if action == Prev {
		stage = s.stage - 1
	}
	resp, err := command.run(ctx, Request[F]{From: from, Lang: s.lang, Now: now, Stage: stage, Action: action, Form: in.Form, Data: s.data})
	if err != nil {
		keep = err.Stanza.Type == stanza.Modify
		return nil, err
	}
	if len(resp.Allow) > 0 {
		keep, s.stage, s.allow, s.data = true, stage, resp.Allow, resp.Data
	}
	return reply(in.SessionID, s.node, s.lang, resp), nil
}

func (r *Registry[F]) cancel(now time.Time, from jid.JID, in Payload[F]) (*Payload[F], *Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.lookup(now, from, in)
	if err != nil {
		return nil, err
	}
	delete(r.sessions, in.SessionID)
	return &Payload[F]{Node: in.Node, SessionID: in.SessionID, Status: Canceled, Lang: s.lang}, nil
}

// begin finds the session of a request and marks it busy. It returns the action requested.
func (r *Registry[F]) begin(now time.Time, from jid.JID, in Payload[F]) (*session, Action, *Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.lookup(now, from, in)
	if err != nil {
		return nil, "", err
	}
	if s.busy {
		return nil, "", failed(stanza.Wait, stanza.UnexpectedRequest)
	}
	action := in.Action
	if action == Execute {
		action = s.allow[0]
	}
	if !slices.Contains(s.allow, action) || action == Prev && s.stage == 0 {
		return nil, "", badRequest(BadAction)
	}
	s.busy, s.expires = true, now.Add(r.options.Idle)
	return s, action, nil
}

// release ends the stage that begin started, and the session too unless keep is set. It reports whether the session still
// existed.
func (r *Registry[F]) release(id string, s *session, keep bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.busy = false
	if r.sessions[id] != s {
		return false
	}
	if !keep {
		delete(r.sessions, id)
	}
	return true
}

// lookup returns the session of a request. Other users' sessions are treated as unknown.
func (r *Registry[F]) lookup(now time.Time, from jid.JID, in Payload[F]) (*session, *Error) {
	s := r.sessions[in.SessionID]
	if s == nil || !s.from.Equal(from) || s.node != in.Node {
		if r.ours(in.SessionID, from, in.Node) {
			return nil, expired()
		}
		return nil, badRequest(BadSessionID)
	}
	if !s.busy && !now.Before(s.expires) {
		delete(r.sessions, in.SessionID)
		return nil, expired()
	}
	return s, nil
}

// add stores a session within the limits. It reports false if there is no room because a stage of every other session is
// running.
func (r *Registry[F]) add(id string, s *session, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := map[string]int{}
	for id, other := range r.sessions {
		if !other.busy && !now.Before(other.expires) {
			delete(r.sessions, id)
			continue
		}
		held[other.owner()]++
	}
	owner := s.owner()
	if held[owner] >= r.options.PerUser {
		r.end(map[string]int{owner: held[owner]})
	}
	if len(r.sessions) >= r.options.Total {
		held[owner]++
		r.end(held)
	}
	if len(r.sessions) >= r.options.Total {
		return false
	}
	r.sessions[id] = s
	return true
}

// end ends the least recently used session of the user with the most sessions.
func (r *Registry[F]) end(held map[string]int) {
	var last string
	for id, s := range r.sessions {
		if held[s.owner()] == 0 || s.busy {
			continue
		}
		best := r.sessions[last]
		if best == nil || cmp.Or(cmp.Compare(held[best.owner()], held[s.owner()]), s.expires.Compare(best.expires)) < 0 {
			last = id
		}
	}
	delete(r.sessions, last)
}

// owner is the user who began the session.
func (s *session) owner() string { return s.from.Bare().String() }

func (r *Registry[F]) language(requested string) (lang string, ok bool) {
	if r.options.Language == nil {
		return requested, true
	}
	lang = r.options.Language(requested)
	return lang, lang != ""
}

// newID returns an unguessable session id. It proves that it was created here, for this requester and node, so that expired
// sessions can be distinguished from ones that never existed without storing them.
func (r *Registry[F]) newID(from jid.JID, node string) string {
	nonce := rand.Text()
	return nonce + r.mark(nonce, from, node)
}

func (r *Registry[F]) ours(id string, from jid.JID, node string) bool {
	const nonce = 26 // the length of rand.Text
	return len(id) > nonce && hmac.Equal([]byte(id[nonce:]), []byte(r.mark(id[:nonce], from, node)))
}

func (r *Registry[F]) mark(nonce string, from jid.JID, node string) string {
	mac := hmac.New(sha256.New, r.key)
	io.WriteString(mac, nonce+"\x00"+from.String()+"\x00"+node)
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

func reply[F any](id, node, lang string, resp Response[F]) *Payload[F] {
	p := &Payload[F]{Node: node, SessionID: id, Status: Completed, Lang: lang, Notes: resp.Notes, Form: resp.Form}
	if len(resp.Allow) > 0 {
		p.Status, p.Actions = Executing, actions(resp.Allow)
	}
	return p
}

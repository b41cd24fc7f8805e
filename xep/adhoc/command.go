package adhoc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Command is a command that people can run.
type Command[F any] struct {
	Node string
	// Name is shown in lists of commands.
	Name func(lang string) string
	// Allowed reports who may run it; nil: everybody. It is called at every stage.
	Allowed func(from jid.JID) bool
	// Run handles one stage. Its error is a Failure, an *Error, or anything else, which becomes internal-server-error.
	Run func(context.Context, Request[F]) (Response[F], error)
}

// Request is one stage of a session.
type Request[F any] struct {
	From jid.JID
	Lang string
	Now  time.Time
	// Stage is 0 at the start; Next and Complete add one, Prev subtracts one.
	Stage int
	// Action is Execute at the start, then one of the allowed ones.
	Action Action
	// Form is the submitted form, of any form type (XEP-0050 §3.6.1). It is nil at the start, and where none was submitted.
	Form *F
	// Data is that of the previous Response; nil at the start.
	Data any
}

// Response is the outcome of one stage. Ask and Done make the usual ones.
type Response[F any] struct {
	Form  *F
	Notes []Note
	// Allow lists the actions allowed next: Next, Prev, Complete; the first is the default. Empty: the command is completed.
	Allow []Action
	// Data is kept in the session for the next stage.
	Data any
}

// Continue shows a form whose submission completes the command.
func Continue[F any](form *F, notes ...Note) Response[F] {
	return Response[F]{Form: form, Notes: notes, Allow: []Action{Complete}}
}

// Done completes the command with a note for the requester.
func Done[F any](text string) Response[F] {
	return Response[F]{Notes: []Note{{Type: Info, Text: text}}}
}

// Failure completes a command that did not succeed; the text is for the requester.
type Failure string

// Error implements error.
func (f Failure) Error() string { return string(f) }

// run calls the command and checks what it returns.
func (c *Command[F]) run(ctx context.Context, req Request[F]) (Response[F], *Error) {
	resp, err := c.Run(ctx, req)
	var failure Failure
	var refused *Error
	switch {
	case errors.As(err, &failure):
		return Response[F]{Notes: []Note{{Type: Fault, Text: string(failure)}}}, nil
	case errors.As(err, &refused):
		return resp, refused
	case err != nil:
		return resp, internal(fmt.Errorf("run %s: %w", c.Node, err))
	}
	for _, a := range resp.Allow {
		if a != Next && a != Prev && a != Complete {
			return resp, internal(fmt.Errorf("run %s: allows %q", c.Node, a))
		}
	}
	return resp, nil
}

func (c *Command[F]) allowed(from jid.JID) bool { return c.Allowed == nil || c.Allowed(from) }

// find returns the command of a node if from may run it.
func (r *Registry[F]) find(node string, from jid.JID) (*Command[F], *Error) {
	i := slices.IndexFunc(r.commands, func(c Command[F]) bool { return c.Node == node })
	if i < 0 {
		return nil, failed(stanza.Cancel, stanza.ItemNotFound)
	}
	if c := &r.commands[i]; c.allowed(from) {
		return c, nil
	}
	return nil, failed(stanza.Cancel, stanza.Forbidden)
}

// Items lists the commands that from may run, for disco#items of the node NS (XEP-0050 §2.2); self is the address that
// responds.
func (r *Registry[F]) Items(self, from jid.JID, lang string) []items.Item {
	lang, _ = r.language(lang)
	var list []items.Item
	for _, c := range r.commands {
		if c.allowed(from) {
			list = append(list, items.Item{JID: self, Node: c.Node, Name: c.Name(lang)})
		}
	}
	return list
}

// Info describes the node of a command, or NS, for disco#info (XEP-0050 §2.2).
func (r *Registry[F]) Info(node string, from jid.JID, lang string) (disco.Info, *Error) {
	lang, _ = r.language(lang)
	d := disco.Info{InfoQuery: disco.InfoQuery{Node: node}}
	if node == NS {
		d.Identity = []info.Identity{{Category: "automation", Type: "command-list"}}
		d.Features = []info.Feature{{Var: NS}}
		return d, nil
	}
	c, err := r.find(node, from)
	if err != nil {
		return disco.Info{}, err
	}
	d.Identity = []info.Identity{{Category: "automation", Type: "command-node", Name: c.Name(lang)}}
	d.Features = []info.Feature{{Var: NS}, {Var: "jabber:x:data"}}
	return d, nil
}

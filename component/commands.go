package component

import (
	"context"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/jid"

	"tocsin/component/session"
	"tocsin/xep/adhoc"
)

type noCommands struct{}

func (noCommands) Items(from jid.JID, lang string) []items.Item { return nil }
func (noCommands) Info(node string, from jid.JID, lang string) (disco.Info, *adhoc.Error) {
	return disco.Info{}, &adhoc.Error{}
}
func (h *handler) command(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	return nil
}
func (s *Service) language(iq *session.Stanza) string {
	return s.outflow.language(iq.From.Bare().String(), iq.Lang)
}

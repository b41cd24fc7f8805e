package privacy

import (
	"context"
	"encoding/xml"
	"strings"
	"time"

	"tocsin/component/sms"
	"tocsin/track"
)

const (
	// maxName is the length of a displayed name, in graphemes.
	maxName = 60
	// unnamed is how long a domain that provides no names is not queried again.
	unnamed = time.Hour
)

// contact is a contact in Owner's roster, as reported by our modules (protocol §10).
type contact struct {
	XMLName xml.Name `xml:"urn:tocsin:tap:1 contact"`
	Owner   string   `xml:"o,attr"`
	JID     string   `xml:"j,attr"`
	Name    string   `xml:"name,attr,omitempty"`
}

// Name returns a contact's name in owner's roster, on one line, or the address. Only owner may see it.
func (s *Server) Name(ctx context.Context, owner, bare string) string {
	name := ""
	domain := track.Domain(owner)
	if s.Grants(domain).RosterGet {
		roster := s.roster(ctx, owner)
		name = roster.Name(bare)
	} else if s.hasNames(domain) {
		var answer contact
		if err := s.query(ctx, domain, contact{Owner: owner, JID: bare}, &answer); err != nil {
			s.markNameless(domain)
		}
		name = answer.Name
	}
	if name = sms.Cut(strings.Join(strings.Fields(sms.Clean(name)), " "), maxName); name == "" {
		return bare
	}
	return name
}

func (s *Server) hasNames(domain string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.clock.Now().Before(s.nameless[domain])
}

func (s *Server) markNameless(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nameless[domain] = s.clock.Now().Add(unnamed)
}

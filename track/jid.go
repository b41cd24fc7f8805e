package track

import "strings"

// Bare returns a JID without its resource.
func Bare(jid string) string {
	bare, _, _ := strings.Cut(jid, "/")
	return bare
}

// Domain returns the domain of a bare JID.
func Domain(bare string) string {
	_, domain, found := strings.Cut(bare, "@")
	if !found {
		return bare
	}
	return domain
}

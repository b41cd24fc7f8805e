package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"tocsin/component/clock"
	"tocsin/component/settings"
	"tocsin/track"
)

const (
	// linkLife is how long a link to settings is valid, sessionLife how long the session it opens lasts.
	linkLife    = 15 * time.Minute
	sessionLife = time.Hour
	// tokenLength is the length of a token's text: 26 characters of base32 are 130 bits.
	tokenLength = 26
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Links creates links to pages, and verifies them.
type Links struct {
	Settings *settings.Live
	Secret   []byte // of the database
	Store    Store
	Clock    clock.Clock
}

// public returns the base of links, without a trailing slash; "" if there are no pages.
func (l *Links) public() string { return strings.TrimRight(l.Settings.Get().Public, "/") }

// hash returns the form in which a token's text is stored.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// PromptLink returns the link to the page of a prompt, or "" if there are no pages. It is the same each time, and valid until
// the prompt expires.
func (l *Links) PromptLink(ctx context.Context, p *track.Prompt) (string, error) {
	if l.public() == "" {
		return "", nil
	}
	text := l.derive("prompt", p.ID)[:tokenLength]
	t := track.Token{Hash: hash(text), Purpose: track.PromptPage, Owner: p.Sender, Prompt: p.ID, Expires: p.ExpiresAt}
	if err := l.Store.SaveToken(ctx, t); err != nil {
		return "", err
	}
	return l.public() + "/p/" + text, nil
}

// SettingsLink returns a link that opens a user's settings once; "" if there are no pages.
func (l *Links) SettingsLink(ctx context.Context, owner string) (string, error) {
	return l.link(ctx, track.SettingsLink, "/me/", owner)
}

// AdminLink is SettingsLink for the page for admins.
func (l *Links) AdminLink(ctx context.Context, owner string) (string, error) {
	return l.link(ctx, track.AdminLink, "/admin/", owner)
}

func (l *Links) link(ctx context.Context, purpose track.Purpose, path, owner string) (string, error) {
	if l.public() == "" {
		return "", nil
	}
	text, err := l.issue(ctx, purpose, owner, linkLife)
	return l.public() + path + text, err
}

func (l *Links) issue(ctx context.Context, purpose track.Purpose, owner string, life time.Duration) (text string, err error) {
	text = strings.ToLower(rand.Text()) // 26 characters, at least 128 bits
	err = l.Store.SaveToken(ctx, track.Token{Hash: hash(text), Purpose: purpose, Owner: owner, Expires: track.At(l.Clock.Now().Add(life))})
	return text, err
}

// derive derives an unguessable text from the database's secret.
func (l *Links) derive(use, of string) string {
	mac := hmac.New(sha256.New, l.Secret)
	mac.Write([]byte("web " + use + "\x00" + of))
	return alphabet.EncodeToString(mac.Sum(nil))
}

// find returns the token of a text, if it has this purpose and has not expired. Invalid, used and expired ones can't be told
// apart.
func (l *Links) find(ctx context.Context, text string, purpose track.Purpose) (t track.Token, ok bool, err error) {
	if len(text) != tokenLength {
		return t, false, nil
	}
	t, ok, err = l.Store.Token(ctx, hash(text))
	return t, ok && t.Purpose == purpose && track.At(l.Clock.Now()) < t.Expires, err
}

// csrf returns the CSRF token for forms of a page.
func (l *Links) csrf(text string) string { return l.derive("csrf", text)[:tokenLength] }

func (l *Links) isOwnForm(r *http.Request, text string) bool {
	return hmac.Equal([]byte(r.PostFormValue("csrf")), []byte(l.csrf(text)))
}

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
	// linkLife is how long the first opening of a link to settings may take, sessionLife how long they stay open then.
	linkLife    = 15 * time.Minute
	sessionLife = time.Hour
	// tokenLength is that of a token's text: 26 characters of base32 are 130 bits.
	tokenLength = 26
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Links makes links to pages, and knows them again.
type Links struct {
	Settings *settings.Live
	Secret   []byte // of the database
	Store    Store
	Clock    clock.Clock
}

// public is the base of links, without a slash at its end; "": there are no pages.
func (l *Links) public() string { return strings.TrimRight(l.Settings.Get().Public, "/") }

// hash is what is stored of a token's text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// PromptLink returns the link to the page of a prompt, which is the same each time, and lets it be opened as long as the prompt
// lives; "" if there are no pages.
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

// SettingsLink returns a link by which a user can open their settings once; "" if there are no pages.
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

// derive makes a text that nobody can guess out of the database's secret.
func (l *Links) derive(use, of string) string {
	mac := hmac.New(sha256.New, l.Secret)
	mac.Write([]byte("web " + use + "\x00" + of))
	return alphabet.EncodeToString(mac.Sum(nil))
}

// find returns the token of a text, if it is for this and has not expired. A wrong one, a used one and one that has expired
// look alike.
func (l *Links) find(ctx context.Context, text string, purpose track.Purpose) (t track.Token, ok bool, err error) {
	if len(text) != tokenLength {
		return t, false, nil
	}
	t, ok, err = l.Store.Token(ctx, hash(text))
	return t, ok && t.Purpose == purpose && track.At(l.Clock.Now()) < t.Expires, err
}

// csrf is what a form of a page has to bring back, so that no other site can send it.
func (l *Links) csrf(text string) string { return l.derive("csrf", text)[:tokenLength] }

func (l *Links) isOwnForm(r *http.Request, text string) bool {
	return hmac.Equal([]byte(r.PostFormValue("csrf")), []byte(l.csrf(text)))
}

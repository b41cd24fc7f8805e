package httpapi

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// skew is how far a signed time may be from ours.
const skew = 5 * time.Minute

// verifier authenticates a call, in addition to the secret in its path.
type verifier func(r *http.Request, c *call, now time.Time) bool

func (p *parser) verifier(r *Route, s *Spec) verifier {
	key := r.HookKey
	if key == "" {
		key = r.Secret
	}
	method, header, _ := strings.Cut(s.Hook, ":")
	if r.Public != "" && key == "" && method != "" && method != "secret" {
		p.fault("hook", "%s needs hook_key", method)
	}
	switch {
	case s.Hook == "" || s.Hook == "secret":
		return func(*http.Request, *call, time.Time) bool { return true }
	case s.Hook == "twilio":
		return twilio(r.Public, key)
	case s.Hook == "basic":
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(r.User+":"+key))
		return func(r *http.Request, _ *call, _ time.Time) bool {
			return subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) == 1
		}
	case s.Hook == "telnyx":
		public, err := base64.StdEncoding.DecodeString(r.HookKey)
		if err != nil || len(public) != ed25519.PublicKeySize {
			p.fault("hook", "telnyx needs hook_key: the account's public key")
			return nil
		}
		return telnyx(public)
	case method == "hmac-sha256" && header != "":
		return hmacSHA256(key, header, s.HookTime)
	}
	p.fault("hook", "invalid value %q (must be secret, twilio, telnyx, basic or hmac-sha256:HEADER)", s.Hook)
	return nil
}

// twilio verifies X-Twilio-Signature, which covers the URL set at Twilio and the form's fields sorted by name
// (twilio.com/docs/usage/security).
func twilio(public, key string) verifier {
	return func(r *http.Request, c *call, _ time.Time) bool {
		parts := strings.Split(r.URL.EscapedPath(), "/") // the proxy may have removed the path of the public URL
		signed := strings.TrimSuffix(public, "/") + "/" + strings.Join(parts[len(parts)-3:], "/")
		if r.URL.RawQuery != "" {
			signed += "?" + r.URL.RawQuery
		}
		mac := hmac.New(sha1.New, []byte(key))
		mac.Write([]byte(signed))
		for _, name := range slices.Sorted(maps.Keys(c.form)) {
			for _, value := range slices.Compact(slices.Sorted(slices.Values(c.form[name]))) {
				mac.Write([]byte(name + value))
			}
		}
		got, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
		return err == nil && hmac.Equal(got, mac.Sum(nil))
	}
}

// telnyx verifies telnyx-signature-ed25519, which covers time and body (developers.telnyx.com, "Receiving Webhooks").
func telnyx(public ed25519.PublicKey) verifier {
	return func(r *http.Request, c *call, now time.Time) bool {
		at := r.Header.Get("Telnyx-Timestamp")
		signature, err := base64.StdEncoding.DecodeString(r.Header.Get("Telnyx-Signature-Ed25519"))
		return err == nil && fresh(at, now) && ed25519.Verify(public, append([]byte(at+"|"), c.raw...), signature)
	}
}

// fresh reports whether a time in Unix seconds is within skew of now.
func fresh(text string, now time.Time) bool {
	seconds, err := strconv.ParseInt(text, 10, 64)
	return err == nil && time.Unix(seconds, 0).Sub(now).Abs() <= skew
}

// hmacSHA256 verifies a header with the hexadecimal HMAC of the body, followed by the time in timeHeader if that is set. The time
// must be fresh.
func hmacSHA256(key, header, timeHeader string) verifier {
	return func(r *http.Request, c *call, now time.Time) bool {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(c.raw)
		if timeHeader != "" {
			text := r.Header.Get(timeHeader)
			if !fresh(text, now) {
				return false
			}
			mac.Write([]byte(text))
		}
		got, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(r.Header.Get(header)), "sha256="))
		return err == nil && hmac.Equal(got, mac.Sum(nil))
	}
}

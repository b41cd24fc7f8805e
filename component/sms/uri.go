package sms

import "strings"

const hex = "0123456789ABCDEF"

// URI returns the sms: URI that opens a composer to number with body (RFC 5724 §2.2), or "" if number is not a global number.
// Everything except unreserved characters is percent-encoded as UTF-8 (RFC 3986 §2.3). An empty body is omitted.
func URI(number, body string) string {
	n := global(number)
	if n == "" {
		return ""
	}
	if body == "" {
		return "sms:" + n
	}
	return "sms:" + n + "?body=" + encoded(body)
}

// ChatURI returns the xmpp: URI that opens a chat with a number at a gateway, with body (RFC 5122, XEP-0147 §5.1), or "" if number
// is not a global number. Without type=chat some clients open a window for single messages.
func ChatURI(number, gateway, body string) string {
	n := global(number)
	if n == "" || gateway == "" {
		return ""
	}
	uri := "xmpp:" + n + "@" + encoded(gateway) + "?message;type=chat"
	if body != "" {
		uri += ";body=" + encoded(body)
	}
	return uri
}

// encoded percent-encodes everything except unreserved characters, as UTF-8 (RFC 3986 §2.3).
func encoded(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// Tel returns the tel: URI of number (RFC 3966 §5.1.4), or "" if it is not a global number.
func Tel(number string) string {
	if n := global(number); n != "" {
		return "tel:" + n
	}
	return ""
}

// global returns a global number as + and digits, without the visual separators of RFC 3966 §5.1.1, or "" if it is not one.
func global(number string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(number), "+")
	digits := separators.Replace(rest)
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return "+" + digits
}

var separators = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "")

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of signatures.
const (
	aliyun  = "aliyun"
	tencent = "tencent"
)

func (g *Gateway) sign(req *http.Request, body []byte, now time.Time) error {
	switch g.spec.Sign {
	case aliyun:
		req.Header.Set("x-acs-date", now.UTC().Format("2006-01-02T15:04:05Z"))
		req.Header.Set("x-acs-signature-nonce", rand.Text())
		signACS3(req, body, g.route.User, g.route.Secret)
	case tencent:
		req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
		service, _, _ := strings.Cut(req.URL.Host, ".")
		signTC3(req, body, service, now, g.route.User, g.route.Secret)
	}
	return nil
}

// signACS3 signs a request to Aliyun with ACS3-HMAC-SHA256, as for RPC APIs. It covers host, content type and all x-acs- headers.
func signACS3(req *http.Request, body []byte, user, secret string) {
	hash := sha256.Sum256(body)
	req.Header.Set("x-acs-content-sha256", hex.EncodeToString(hash[:]))
	headers := map[string]string{"host": req.URL.Host}
	for name := range req.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-acs-") || lower == "content-type" {
			headers[lower] = strings.TrimSpace(req.Header.Get(name))
		}
	}
	canonical, signed := canonicalHeaders(headers)
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	text := strings.Join([]string{req.Method, path, strictQuery(req.URL.Query()), canonical, signed, hex.EncodeToString(hash[:])}, "\n")
	digest := sha256.Sum256([]byte(text))
	signature := hex.EncodeToString(mac([]byte(secret), "ACS3-HMAC-SHA256\n"+hex.EncodeToString(digest[:])))
	req.Header.Set("Authorization", fmt.Sprintf("ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s", user, signed, signature))
}

// signTC3 signs a request to Tencent Cloud with TC3-HMAC-SHA256. It covers content type and host.
func signTC3(req *http.Request, body []byte, service string, now time.Time, user, secret string) {
	date := now.UTC().Format(time.DateOnly)
	hash := sha256.Sum256(body)
	canonical, signed := canonicalHeaders(map[string]string{"content-type": req.Header.Get("Content-Type"), "host": req.URL.Hostname()})
	text := strings.Join([]string{req.Method, "/", strictQuery(req.URL.Query()), canonical, signed, hex.EncodeToString(hash[:])}, "\n")
	digest := sha256.Sum256([]byte(text))
	scope := date + "/" + service + "/tc3_request"
	key := mac(mac(mac([]byte("TC3"+secret), date), service), "tc3_request")
	signature := hex.EncodeToString(mac(key, strings.Join([]string{"TC3-HMAC-SHA256", strconv.FormatInt(now.Unix(), 10), scope, hex.EncodeToString(digest[:])}, "\n")))
	req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", user, scope, signed, signature))
}

func canonicalHeaders(headers map[string]string) (canonical, signed string) {
	names := slices.Sorted(maps.Keys(headers))
	for _, name := range names {
		canonical += name + ":" + headers[name] + "\n"
	}
	return canonical, strings.Join(names, ";")
}

// strictQuery encodes a query as in RFC 3986: a space is %20.
func strictQuery(query url.Values) string {
	return strings.ReplaceAll(query.Encode(), "+", "%20")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

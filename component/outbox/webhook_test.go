package outbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/expect"
	"tocsin/track"
)

// What a webhook's failure is called in the log does not hold its URL, which is the secret of many services.
func TestWebhookThatFails(t *testing.T) {
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	leadsElsewhere := httptest.NewServer(http.RedirectHandler(refuses.URL, http.StatusTemporaryRedirect))
	defer leadsElsewhere.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct{ url, want string }{
		"refused":  {refuses.URL, "unexpected status 404 Not Found"},
		"redirect": {leadsElsewhere.URL, "unexpected status 307 Temporary Redirect"}, // it is not followed: the body is for this one
		"down":     {gone.URL, "connection refused"},
		"no URL":   {"http://[", "invalid URL"},
	} {
		err := deliver(t.Context(), track.Step{URL: tc.url + "/hooks/T0KEN"}, "s-1", []byte("{}"))
		if err == nil || strings.Contains(err.Error(), "T0KEN") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhookThatIsTaken(t *testing.T) {
	var id, signature string
	takes := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, signature = r.Header.Get("Tocsin-Id"), r.Header.Get("Tocsin-Signature")
	}))
	defer takes.Close()
	expect.Equal(t, "error", deliver(t.Context(), track.Step{URL: takes.URL, Key: "key"}, "s-1", []byte("{}")), error(nil))
	expect.Equal(t, "id", id, "s-1")
	// printf '{}' | openssl dgst -sha256 -hmac key
	expect.Equal(t, "signature", signature, "sha256=a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032")
}

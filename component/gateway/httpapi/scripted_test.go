package httpapi

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/gateway"
)

const ref = "0123456789abcdef0123456789abcdef"

var hookKey = strings.Repeat("s", 32)

// provider is a scripted HTTP provider that records requests.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	calls []*http.Request
	body  []string
}

// scripted starts a provider.
func scripted(t *testing.T, script http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1<<16)
		n := 0
		for {
			k, err := r.Body.Read(body[n:])
			n += k
			if err != nil {
				break
			}
		}
		p.mu.Lock()
		p.calls, p.body = append(p.calls, r), append(p.body, string(body[:n]))
		p.mu.Unlock()
		script(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// answering always gives the same response.
func answering(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		w.Write([]byte(body)) //nolint:errcheck // the client notices
	}
}

// hangUp reads the request and closes the connection.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

// must returns a gateway, or fails the test.
func must(t *testing.T, r Route) *Gateway {
	t.Helper()
	g, err := New(r, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func submission(text string) gateway.Submission {
	return gateway.Submission{Ref: ref, To: "+8613800138000", From: "+15550009999", Text: text, Language: "en", Validity: 15 * time.Minute,
		Params: gateway.Params{Sender: "alice@example.org", Domain: "example.org"}}
}

// deadPort returns an address where nobody listens.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

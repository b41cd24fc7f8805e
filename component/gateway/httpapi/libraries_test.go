package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/clock"
)

// Requests that the providers' Node.js libraries send for the same SMS, captured locally: twilio 6.2.0, plivo
// 4.79.0, telnyx 7.24.0, messagebird 4.0.1, android-sms-gateway 3.0.0, @vonage/sms 1.21.0. Ours have the same URLs and
// fields.
func TestAsTheLibrariesDo(t *testing.T) {
	data, err := os.ReadFile("testdata/libraries.json")
	if err != nil {
		t.Fatal(err)
	}
	var captured []struct {
		Provider, Method, URL string
		Fields                map[string]any
	}
	if err := json.Unmarshal(data, &captured); err != nil || len(captured) != 6 {
		t.Fatal(len(captured), err)
	}
	users := map[string]string{"twilio": "AC00000000000000000000000000000000", "plivo": "MA0"}
	for _, c := range captured {
		r := presetRoute(c.Provider)
		r.User = users[c.Provider]
		g, err := New(r, clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		fill, err := g.fill(submission(`Are you there? "Yes" & <no> 100% {{.Secret}}`), now)
		if err != nil {
			t.Fatal(err)
		}
		req, err := g.request(t.Context(), fill, now)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		ours := map[string]any{}
		if req.Header.Get("Content-Type") == formType {
			form, err := url.ParseQuery(string(body))
			if err != nil {
				t.Fatal(err)
			}
			for name := range form {
				ours[name] = form.Get(name)
			}
		} else if err := json.Unmarshal(body, &ours); err != nil {
			t.Fatal(err)
		}
		delete(ours, "api_key") // Vonage also accepts the credentials in a header
		delete(ours, "api_secret")
		if req.Method != c.Method || req.URL.String() != c.URL {
			t.Errorf("%s: %s %s", c.Provider, req.Method, req.URL)
		}
		if diff := cmp.Diff(texts(c.Fields), texts(ours)); diff != "" {
			t.Errorf("%s: %s", c.Provider, diff)
		}
	}
}

// texts converts all values to form values.
func texts(fields map[string]any) map[string]string {
	t := map[string]string{}
	for name, value := range fields {
		if f, ok := value.(float64); ok {
			value = int64(f)
		}
		t[name] = fmt.Sprint(value)
	}
	return t
}

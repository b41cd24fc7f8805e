package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tocsin/component/selftest"
	"tocsin/config"
)

// "tocsin test" asks the running instance, which has the stream, to send a test prompt, with a request to a path next to
// /readyz. The request is signed with the component's secret, so anybody who can read the configuration may send it.

type testCommand struct {
	configFlag
	JID  string        `arg:"" name:"JID" help:"The user to prompt."`
	Wait time.Duration `default:"2m" help:"How long to wait for the answer."`
}

// Run prints the steps as they are completed. It fails if one of them does.
func (c *testCommand) Run(ctx context.Context, e *environment) error {
	user, err := config.ParseUser(c.JID)
	if err != nil {
		return usageError{err}
	}
	conf, err := c.load(e)
	if err != nil {
		return err
	}
	began := e.now()
	found, why := findInstance(ctx, conf)
	if found == nil {
		return fmt.Errorf("no running instance to test: %s (start it with \"tocsin run\")", why)
	}
	show := func(s selftest.Step) { printStep(e.stdout, s, began) }
	instance := selftest.Step{At: e.now(), Name: "instance", Text: fmt.Sprintf("%s, version %s", found.Component, found.Version)}
	if found.Standby {
		instance.Text, instance.Failed = "standby: run the test on the host of the live instance", true
	} else if !found.OK {
		instance.Text, instance.Failed = strings.Join(found.Wrong, "; "), true
	}
	if show(instance); instance.Failed {
		return errFailed
	}
	seen := selftest.Step{At: e.now(), Name: "tap", Text: "nothing received yet (the test does not need it; see \"tocsin check\")"}
	if !found.LastCopy.IsZero() {
		seen.Text = "last message " + ago(e.now(), found.LastCopy)
	}
	show(seen)
	if err := runTest(ctx, e, conf, testRequest{JID: user, Wait: c.Wait}, began); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "Prompts reach %s, and answers come back.\n", user)
	return nil
}

// runTest asks the running instance for a test, and shows each step as it is completed. It fails if one of them does.
func runTest(ctx context.Context, e *environment, conf *config.Config, in testRequest, began time.Time) error {
	failed := false
	err := requestTest(ctx, conf, in, e.now(), func(s selftest.Step) {
		failed = failed || s.Failed
		printStep(e.stdout, s, began)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("test: %w", err)
	case failed:
		return errFailed
	}
	return nil
}

func printStep(w io.Writer, s selftest.Step, began time.Time) {
	verdict := ""
	if s.Failed {
		verdict = "FAIL: "
	}
	fmt.Fprintf(w, "%6.1f s  %-9s %s%s\n", s.At.Sub(began).Seconds(), s.Name, verdict, s.Text)
}

// testRequest is the body of the request, for a prompt or an SMS.
type testRequest struct {
	JID  string               `json:"jid,omitempty"`
	SMS  *selftest.SMSRequest `json:"sms,omitempty"`
	Wait time.Duration        `json:"wait_ns"`
}

const testPath = "/test"

// requestTest asks the running instance for a test, and reports each step as it arrives.
func requestTest(ctx context.Context, conf *config.Config, in testRequest, now time.Time, step func(selftest.Step)) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	url := "http://" + reachable(conf.Metrics.Listen) + testPath
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Authorization", signature(string(conf.Component.Secret), at, body))
	request.Header.Set("X-Tocsin-Time", at)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("%s: %s", url, strings.TrimSpace(string(text)))
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		var line testLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		switch {
		case line.Error != "":
			return errors.New(line.Error)
		case line.Done:
			return nil
		}
		step(line.Step)
	}
	return errors.New("the instance closed the connection")
}

// testLine is a line of the response: a step, or the end.
type testLine struct {
	selftest.Step
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// signature proves that a request was made with the component's secret.
func signature(secret, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s\n", testPath, at)
	mac.Write(body)
	return "Tocsin " + hex.EncodeToString(mac.Sum(nil))
}

// tester runs tests in the running instance.
type tester struct {
	secret string
	now    func() time.Time
	run    func(ctx context.Context, user string, report func(selftest.Step)) error // errStandby: this instance is a standby
	sms    func(ctx context.Context, request selftest.SMSRequest, report func(selftest.Step)) error
}

var errStandby = errors.New("standby: another instance is live")

const (
	maxTest   = time.Hour
	testSkew  = time.Minute // between the clocks; also how long a request is valid
	testAfter = 30 * time.Second
)

// ServeHTTP implements http.Handler.
func (t *tester) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10_000))
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	at := r.Header.Get("X-Tocsin-Time")
	seconds, err := strconv.ParseInt(at, 10, 64)
	given := r.Header.Get("Authorization")
	if !hmac.Equal([]byte(given), []byte(signature(t.secret, at, body))) || err != nil || t.now().Sub(time.Unix(seconds, 0)).Abs() > testSkew {
		http.Error(w, "not signed with the component's secret", http.StatusForbidden)
		return
	}
	var in testRequest
	if err := json.Unmarshal(body, &in); err != nil || in.Wait <= 0 || in.Wait > maxTest {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	http.NewResponseController(w).SetWriteDeadline(t.now().Add(in.Wait + testAfter))
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	line := func(l testLine) {
		out.Encode(l)
		http.NewResponseController(w).Flush()
	}
	ctx, cancel := context.WithTimeout(r.Context(), in.Wait)
	defer cancel()
	step := func(s selftest.Step) { line(testLine{Step: s}) }
	if in.SMS != nil {
		err = t.sms(ctx, *in.SMS, step)
	} else {
		err = t.run(ctx, in.JID, step)
	}
	if err != nil {
		line(testLine{Error: err.Error()})
		return
	}
	line(testLine{Done: true})
}

package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/component/gateway"
)

// rules interpret responses.
type rules struct {
	ok, denied, later, refused, stopped *condition
	id                                  string
}

// condition is a Match, parsed.
type condition struct {
	Match
	body *regexp.Regexp
}

func (p *parser) rules(s *Spec) rules {
	r := rules{id: s.ID, ok: p.condition("ok", s.OK), denied: p.condition("denied", s.Denied), later: p.condition("later", s.Later),
		refused: p.condition("refused", s.Refused), stopped: p.condition("stopped", s.Stopped)}
	if r.ok == nil {
		p.fault("ok", "is missing: no response would count as success")
	}
	return r
}

// condition parses a condition. It returns nil if that is empty.
func (p *parser) condition(key string, m Match) *condition {
	c := &condition{Match: m}
	if (m.Path == "") != (len(m.Values) == 0) {
		p.fault(key, "path and values need each other")
	}
	if m.Match != "" {
		var err error
		if c.body, err = regexp.Compile(m.Match); err != nil {
			p.fault(key+".match", "%v", err)
		}
	}
	if len(m.Status) == 0 && m.Path == "" && m.Match == "" {
		return nil
	}
	return c
}

// matches reports whether a response meets the condition. A missing value does not.
func (c *condition) matches(status int, body []byte, d *document) bool {
	switch {
	case c == nil:
		return false
	case len(c.Status) > 0 && !slices.Contains(c.Status, status):
		return false
	case c.body != nil && !c.body.Match(body):
		return false
	}
	return c.Path == "" || c.among(d.all(c.Path))
}

// among reports whether there are values, and all of them are listed in the condition.
func (c *condition) among(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool {
		return !slices.ContainsFunc(c.Values, func(want string) bool {
			prefix, ok := strings.CutSuffix(want, "*")
			return v == want || ok && strings.HasPrefix(v, prefix)
		})
	})
}

// class interprets a complete response.
func (r *rules) class(resp *http.Response, body []byte, now time.Time) gateway.Answer {
	status, d := resp.StatusCode, parse(body)
	answer := gateway.Answer{Class: strconv.Itoa(status)}
	switch {
	case r.stopped.matches(status, body, d):
		answer.Outcome, answer.Class = gateway.Stopped, "stopped"
	case r.denied.matches(status, body, d):
		answer.Outcome, answer.Class, answer.Wait = gateway.NotSent, "denied", max(retryAfter(resp, now), closedFor)
	case r.later.matches(status, body, d):
		answer.Outcome, answer.Class, answer.Wait = gateway.NotSent, "later", retryAfter(resp, now)
	case r.refused.matches(status, body, d):
		answer.Outcome, answer.Class = gateway.Refused, "refused"
	case r.ok.matches(status, body, d) && (status/100 == 2 || slices.Contains(r.ok.Status, status)):
		answer.Outcome, answer.Class = gateway.Sent, "sent"
		if r.id != "" {
			for _, id := range d.all(r.id) {
				if id = gateway.ID(id); id != "" {
					answer.IDs = append(answer.IDs, id)
				}
			}
		}
	case status/100 == 2:
		answer.Outcome, answer.Class = gateway.Unsure, "unknown"
	default:
		answer.Outcome = byStatus(status)
		if answer.Outcome == gateway.NotSent {
			answer.Wait = retryAfter(resp, now)
		}
	}
	if answer.Outcome == gateway.NotSent && slices.Contains([]int{http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden}, status) {
		answer.Class, answer.Wait = strconv.Itoa(status), max(answer.Wait, closedFor) // needs an admin
	}
	return answer
}

// byStatus interprets a status that no rule matches.
func byStatus(status int) gateway.Outcome {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusProxyAuthRequired,
		http.StatusTooManyRequests, http.StatusServiceUnavailable,
		http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect: // RFC 9110 §15.4: the request was not acted on
		return gateway.NotSent
	case http.StatusRequestTimeout: // the request may have arrived nevertheless
		return gateway.Unsure
	}
	if status/100 == 4 {
		return gateway.Refused
	}
	return gateway.Unsure
}

// cut interprets a response whose body is incomplete or too long.
func cut(resp *http.Response) gateway.Answer {
	if outcome := byStatus(resp.StatusCode); outcome == gateway.NotSent {
		return gateway.Answer{Outcome: outcome, Class: strconv.Itoa(resp.StatusCode)}
	}
	return gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}
}

// retryAfter returns the delay in Retry-After (RFC 9110 §10.2.3), at most maxWait.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	text := resp.Header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}

// Package httpapi sends SMS by providers' HTTP APIs, and takes their reports and replies. All providers are one kind of
// route, described by a Spec: templates of the request, rules that tell what an answer means, places where reports and
// replies have their fields. A preset is such a description as data (presets/*.toml), which a route's own keys override.
//
// Answers are classed by one question: is it certain that nothing was sent? What can't be understood is Unsure. For the same
// reason each request has a connection of its own, by HTTP/1.1: net/http repeats a GET whose kept-alive connection breaks.
//
// docs/design/sms.md has the reasons, docs/SMS.md the keys for admins. Tests: a scripted provider for each kind of answer, the
// signatures of the providers' own libraries, Kannel itself (internal/lab).
package httpapi

// Package httpapi sends SMS through providers' HTTP APIs, and receives their reports and replies. A Spec describes a provider:
// templates for the request, rules to interpret responses, and places of fields in reports and replies. Presets are Specs in
// TOML (presets/*.toml); a route's own keys override them.
//
// Responses are classified by one question: is it certain that nothing was sent? A response that is not understood is Unsure.
// Each request uses its own HTTP/1.1 connection, because net/http silently repeats a GET if a kept-alive connection breaks.
//
// docs/design/sms.md explains the design, docs/SMS.md the keys for admins. Tests use a scripted provider for each kind of
// response, and requests captured from providers' libraries; internal/lab runs Kannel.
package httpapi

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"tocsin/config"
)

// instance is a running Tocsin, as described by its /readyz.
type instance struct {
	URL string
	answer
}

// findInstance looks for the running instance of the configuration. It returns nil if nothing answers at metrics.listen, or
// a different instance does; why explains it.
func findInstance(ctx context.Context, c *config.Config) (found *instance, why string) {
	if c.Metrics.Listen == "" {
		return nil, "metrics.listen is off"
	}
	url := "http://" + reachable(c.Metrics.Listen) + "/readyz"
	found = &instance{URL: url}
	if err := getJSON(ctx, url, &found.answer); err != nil {
		return nil, fmt.Sprintf("no instance answers at %s", url)
	}
	if found.Component != c.Component.JID {
		return nil, fmt.Sprintf("%s belongs to another component", url)
	}
	return found, ""
}

// reachable turns an address to listen on into one to connect to.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func getJSON(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(into)
}

// ago formats how long before now t was.
func ago(now, t time.Time) string {
	if d := now.Sub(t); d >= time.Second {
		return roughly(d) + " ago"
	}
	return "just now"
}

// roughly formats a duration in its two largest units.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

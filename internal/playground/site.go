package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

//go:embed page
var pages embed.FS

// facts are the data for the page.
type facts struct {
	Websocket   string            `json:"websocket"`
	Domain      string            `json:"domain"`
	Passwords   map[string]string `json:"passwords"`
	Undelivered float64           `json:"undelivered"` // seconds
	Unread      float64           `json:"unread"`      // seconds
}

// site serves the page, the plugin's folder under /plugin/ and the facts under /facts.json. The policy keeps the browser
// from fetching anything from elsewhere.
func site(plugin string, f facts) http.Handler {
	page, err := fs.Sub(pages, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("/plugin/", http.StripPrefix("/plugin/", http.FileServer(http.Dir(plugin))))
	mux.HandleFunc("/facts.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f) // the browser may be gone
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' "+f.Websocket+
			"; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

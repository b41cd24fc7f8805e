package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"tocsin/config"
)

// logger logs to w as [log] says; the returned function changes [log].
func logger(w io.Writer, c config.Log) (*slog.Logger, func(config.Log)) {
	current := new(atomic.Pointer[slog.Handler])
	set := func(c config.Log) {
		var level slog.Level
		level.UnmarshalText([]byte(c.Level)) // config has checked it
		h := slog.Handler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
		if c.Format == "json" {
			h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
		}
		current.Store(&h)
	}
	set(c)
	return slog.New(changing{current: current}), set
}

// changing is a handler that passes records to the current one.
type changing struct {
	current *atomic.Pointer[slog.Handler]
	dress   func(slog.Handler) slog.Handler // adds the attributes and groups of this logger; nil: none
}

func (h changing) handler() slog.Handler {
	if h.dress == nil {
		return *h.current.Load()
	}
	return h.dress(*h.current.Load())
}

func (h changing) with(add func(slog.Handler) slog.Handler) slog.Handler {
	before := h.dress
	return changing{h.current, func(inner slog.Handler) slog.Handler {
		if before != nil {
			inner = before(inner)
		}
		return add(inner)
	}}
}

// Enabled implements slog.Handler.
func (h changing) Enabled(ctx context.Context, l slog.Level) bool {
	return (*h.current.Load()).Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h changing) Handle(ctx context.Context, r slog.Record) error { return h.handler().Handle(ctx, r) }

// WithAttrs implements slog.Handler.
func (h changing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h changing) WithGroup(name string) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

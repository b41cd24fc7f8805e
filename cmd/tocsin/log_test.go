package main

import (
	"bytes"
	"strings"
	"testing"

	"tocsin/config"
)

func TestLogChangesWhileItIsUsed(t *testing.T) {
	var out bytes.Buffer
	log, set := logger(&out, config.Log{Level: "warn", Format: "text"})
	part := log.With("part", "tap").WithGroup("stanza")
	part.Info("dropped", "kind", "presence")
	if out.Len() > 0 {
		t.Errorf("info was logged at warn: %s", out.String())
	}
	part.Warn("dropped", "kind", "iq")
	if !strings.HasSuffix(out.String(), "level=WARN msg=dropped part=tap stanza.kind=iq\n") {
		t.Errorf("as text: %s", out.String())
	}

	out.Reset()
	set(config.Log{Level: "debug", Format: "json"})
	part.Debug("dropped", "kind", "presence")
	if !strings.HasSuffix(out.String(), `"level":"DEBUG","msg":"dropped","part":"tap","stanza":{"kind":"presence"}}`+"\n") {
		t.Errorf("as JSON: %s", out.String())
	}
}

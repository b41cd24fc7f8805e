// Package prosody contains mod_tocsin and a script for mod_firewall. Its tests run parts of the module with Prosody's libraries;
// internal/lab tests the module on a server.
package prosody

import (
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

func TestLua(t *testing.T) {
	files, err := filepath.Glob("test/*_test.lua")
	if err != nil || len(files) == 0 {
		t.Fatal("no tests", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), "_test.lua"), func(t *testing.T) {
			t.Parallel()
			out, err := lab.Lua(t, file).CombinedOutput()
			if t.Log(string(out)); err != nil {
				t.Error(err)
			}
		})
	}
}

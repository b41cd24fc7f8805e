package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/storage"
	"tocsin/track"
)

// Erased texts, numbers and messages leave no trace in the files.
func TestErased(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, "sqlite:"+path)
	ctx := t.Context()
	var ms []track.Message
	for i := range 600 {
		text := fmt.Sprintf("SECRET-BODY-%d. ", i)
		if i%100 == 0 {
			text = strings.Repeat(text, 1000) // on overflow pages
		}
		ms = append(ms, track.Message{Ord: int64(i + 1), Key: track.Key{Sender: alice, Recipient: bob, ID: fmt.Sprint("SECRET-ID-", i)}, Text: text})
	}
	must(t, s.Commit(ctx, track.Changes{Insert: ms}))
	must(t, s.SetNumbers(ctx, track.Number{JID: alice, E164: "+8613800138000"}))
	files := func() []byte {
		var all []byte
		names, err := filepath.Glob(path + "*")
		must(t, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			must(t, err)
			all = append(all, b...)
		}
		return all
	}
	if !bytes.Contains(files(), []byte("SECRET-BODY")) {
		t.Fatal("the text was not found in the files before")
	}
	for i := range ms {
		ms[i].Text, ms[i].Status, ms[i].SettledAt = "", track.Displayed, 5
	}
	must(t, s.Commit(ctx, track.Changes{Update: ms}))
	must(t, s.Forget(ctx, alice))
	if _, err := s.Prune(ctx, 1, 1, 1000); err != nil { // nothing is that old, but the round ends
		t.Fatal(err)
	}
	left := files()
	for _, trace := range []string{"SECRET-BODY", "8613800138000"} {
		if bytes.Contains(left, []byte(trace)) {
			t.Errorf("the files still contain %s", trace)
		}
	}
	if !bytes.Contains(left, []byte("SECRET-ID")) {
		t.Error("the messages are gone")
	}
	if done, err := s.Prune(ctx, 1<<41, 1<<40, 1000); err != nil || done.Removed != 600 || done.More {
		t.Fatal(done, err)
	}
	if bytes.Contains(files(), []byte("SECRET-ID")) {
		t.Error("a message remains")
	}
}

// The error names the process and the file; a file left by an ended process locks nothing.
func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	must(t, os.WriteFile(path+".lock", []byte("99999999\n"), 0o600))
	s := open(t, "sqlite:"+path)
	leadership, err := s.Lead(t.Context(), "tocsin.example.org")
	must(t, err)
	_, err = open(t, "sqlite:"+path).Lead(t.Context(), "tocsin.example.org")
	if !errors.Is(err, storage.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) || !strings.Contains(err.Error(), path+".lock") {
		t.Errorf("%v", err)
	}
	must(t, leadership.Release())
}

// Durability depends on the pragmas; all of them must be in effect.
func TestPragmas(t *testing.T) {
	s := open(t, sqliteDSN(t))
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "busy_timeout": "5000", "query_only": "0",
	} {
		if got := storage.Pragma(t, s, pragma); got != want {
			t.Errorf("%s is %s", pragma, got)
		}
	}
}

func TestMemory(t *testing.T) {
	s := open(t, "sqlite::memory:")
	inhabited(t, s, 100)
	leadership, err := s.Lead(t.Context(), "tocsin.example.org")
	must(t, err)
	contents(t, s)
	must(t, leadership.Release())
	other := open(t, "sqlite::memory:")
	if ms, err := other.Messages(t.Context(), alice, track.Filter{Newest: true}); err != nil || len(ms) > 0 {
		t.Errorf("two in-memory databases are one: %d, %v", len(ms), err)
	}
}

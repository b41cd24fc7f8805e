package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "config.toml", with("[track]", "unread_after = '10m'"))
	before, err := Load(file, env())
	if err != nil {
		t.Fatal(err)
	}

	write(t, dir, "config.toml", component("server = '127.0.0.1:5348'")+"[storage]\nflush = '1ms'\n[track]\nunread_after = '5m'\n[escalate]\nmode = 'auto'\n"+smsTable())
	after, notes, err := before.Reload(env("TOCSIN_COMPONENT_SECRET=hunter3"))
	if err != nil {
		t.Fatal(err)
	}
	if got := after.Policy().UnreadAfter; got != 5*time.Minute {
		t.Errorf("unread_after is %v after the reload", got)
	}
	if after.SMS == nil {
		t.Error("[sms] was not reloaded")
	}
	if diff := cmp.Diff(before.Component, after.Component); diff != "" {
		t.Errorf("[component] was reloaded:\n%s", diff)
	}
	if diff := cmp.Diff(before.Storage, after.Storage); diff != "" {
		t.Errorf("[storage] was reloaded:\n%s", diff)
	}
	want := []string{
		file + ":2: component.server: takes effect after a restart",
		"TOCSIN_COMPONENT_SECRET: takes effect after a restart",
		file + ":9: storage.flush: takes effect after a restart",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if after.File() != file {
		t.Errorf("the file is %s", after.File())
	}
}

func TestReloadOfAnInvalidFile(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "config.toml", with())
	before, err := Load(file, env())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.toml", with("[track]", "unread_after = 'soon'"))
	after, _, err := before.Reload(env())
	if want := file + `:7: track.unread_after: invalid duration "soon" (example: 10m)`; after != nil || err == nil || err.Error() != want {
		t.Errorf("got %v, %v, want %s", after, err, want)
	}
}

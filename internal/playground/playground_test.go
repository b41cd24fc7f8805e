package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestPlayground runs contrib/converse/test/playground.test.js in a headless Chromium. It saves screenshots to the folder
// TOCSIN_PICTURES, if that is set.
func TestPlayground(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	url := begin(t, options{listen: "127.0.0.1:0", undelivered: 4 * time.Second, unread: 6 * time.Second, number: "+8613800138000"})
	stage, err := json.Marshal(map[string]string{"page": url, "pictures": os.Getenv("TOCSIN_PICTURES")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "test/playground.test.js")
	cmd.Dir = filepath.Join(root, "contrib", "converse")
	cmd.Env = append(os.Environ(), "TOCSIN_STAGE="+string(stage))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // and Chromium with it
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

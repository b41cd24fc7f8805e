//go:build root

// Package packaging tests the packages and the image, as root: make fresh runs it.
package packaging

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// The image serves a real Prosody with its own user, a read-only root, a mounted configuration and a volume; its health
// check reports success and failure; it stops when asked to.
func TestImage(t *testing.T) {
	i := build(t)
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	settings := lab.NewTocsin(t, server, lab.Settings{"storage.dsn": "sqlite:/var/lib/tocsin/tocsin.db"})
	i.mount(t, settings.Config)

	if out, code := i.run(t, i.Config.Healthcheck.Test[1:]); code != 0 { // nothing runs yet, so it connects itself
		t.Errorf("check before the start: exit %d\n%s", code, out)
	}
	service := i.command(append(i.Config.Entrypoint, i.Config.Cmd...))
	var log strings.Builder
	service.Stdout, service.Stderr = &log, &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	for ready := false; !ready; {
		select {
		case err := <-ended:
			t.Fatalf("ended: %v\n%s", err, log.String())
		case <-time.After(50 * time.Millisecond):
		}
		resp, err := http.Get("http://" + settings.Metrics() + "/readyz")
		if err == nil {
			resp.Body.Close()
			ready = resp.StatusCode == http.StatusOK
		}
	}
	if out, code := i.run(t, i.Config.Healthcheck.Test[1:]); code != 0 {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	if _, err := os.Stat(filepath.Join(i.volume, "tocsin.db")); err != nil {
		t.Errorf("the database is not in the volume: %v", err)
	}
	server.Kill()
	if out, code := i.run(t, i.Config.Healthcheck.Test[1:]); code == 0 {
		t.Errorf("check did not notice that the server is down:\n%s", out)
	}
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended: %v\n%s", err, log.String())
	}
}

// Time zones and certificates are part of the program: the image has no files for them.
func TestImageHasOneFile(t *testing.T) {
	i := build(t)
	var files []string
	err := filepath.WalkDir(i.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, i.root))
		}
		return err
	})
	if err != nil || len(files) != 1 || files[0] != "/usr/bin/tocsin" {
		t.Errorf("the image has %v (%v)", files, err)
	}
	if modules := output(t, exec.CommandContext(t.Context(), "go", "version", "-m", filepath.Join(i.root, "usr/bin/tocsin"))); !strings.Contains(modules, "golang.org/x/crypto/x509roots/fallback") {
		t.Errorf("the program has no certificates:\n%s", modules)
	}
	if i.Config.User != "65532:65532" {
		t.Errorf("it runs as %q", i.Config.User)
	}
}

// image is the image built by buildah, and a container of it.
type image struct {
	Config struct {
		User                 string
		Env, Entrypoint, Cmd []string
		Healthcheck          struct{ Test []string }
	} `json:"config"`
	root, etc, volume string
}

func build(t *testing.T) *image {
	t.Helper()
	store := t.TempDir()
	options := []string{"--storage-driver", "vfs", "--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run")}
	buildah := func(args ...string) string {
		t.Helper()
		return output(t, exec.CommandContext(t.Context(), "buildah", append(options[:len(options):len(options)], args...)...))
	}
	output(t, exec.CommandContext(t.Context(), "./image", append([]string{"tocsin"}, options...)...))
	i := &image{}
	if err := json.Unmarshal([]byte(buildah("inspect", "--type", "image", "--format", "{{.Config}}", "localhost/tocsin")), i); err != nil {
		t.Fatal(err)
	}
	i.root = buildah("mount", buildah("from", "localhost/tocsin"))
	return i
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var faults strings.Builder
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, faults.String())
	}
	return strings.TrimSpace(string(out))
}

// mount creates what users of the image mount: a folder with the configuration, and a volume.
func (i *image) mount(t *testing.T, config string) {
	t.Helper()
	i.etc, i.volume = t.TempDir(), t.TempDir()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(i.etc, "config.toml")
	err = errors.Join(os.WriteFile(file, text, 0o600), os.Chown(file, 65532, 65532), os.Chown(i.volume, 65532, 65532), os.Chmod(i.etc, 0o755))
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a command in the image according to its Config, in its own mount namespace with a read-only root.
func (i *image) command(argv []string) *exec.Cmd {
	const enter = `root=$1 etc=$2 volume=$3 user=$4; shift 4
		mount --bind "$root" "$root"
		mount --bind "$etc" "$root/etc/tocsin"
		mount --bind "$volume" "$root/var/lib/tocsin"
		mount -o remount,bind,ro "$root/etc/tocsin"
		mount -o remount,bind,ro "$root"
		exec chroot --userspec="$user" "$root" "$@"`
	args := append([]string{"--mount", "--propagation", "private", "--", "sh", "-euc", enter, "sh", i.root, i.etc, i.volume, i.Config.User}, argv...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(i.Config.Env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (i *image) run(t *testing.T, argv []string) (out string, code int) {
	t.Helper()
	cmd := i.command(argv)
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

//go:build unix

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// usable returns an error that explains why SQLite can't use a file. SQLite itself only says "unable to open database file (14)".
func usable(path string) error {
	dir := filepath.Dir(path)
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return denied(dir, err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		err := unix.Faccessat(unix.AT_FDCWD, file, unix.R_OK|unix.W_OK, unix.AT_EACCESS)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return denied(file, err)
		}
	}
	return nil
}

// denied adds the file's owner and mode, and the user of this process, to an error.
func denied(file string, err error) error {
	if info, e := os.Stat(file); e == nil && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w (owner %s, mode %04o; this process is %s)", file, err, name(owner(info)), info.Mode().Perm(), name(os.Geteuid()))
	}
	return fmt.Errorf("%s: %w", file, err)
}

// chownToDir makes the owner of the folder, as whom the service runs, the owner of a file created by root.
func chownToDir(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	if s, ok := dir.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(s.Uid), int(s.Gid))
	}
	return nil
}

func owner(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

func name(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(uid)
}

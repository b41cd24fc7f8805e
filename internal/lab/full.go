package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// SmallDisk makes a folder a file system of its own, of n megabytes. Only root can.
func SmallDisk(t testing.TB, dir string, megabytes int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("no small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// Fill fills a disk up to the last page; the returned function frees the space.
func Fill(t testing.TB, dir string) (makeRoom func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// disk is where sessions whose default_tablespace is "disk" have their tables.
func (c *Cluster) disk() string { return filepath.Join(c.dir, "disk") }

// SmallDisk gives the server a small disk for tables, of n megabytes. Its replicas keep theirs on the normal disk.
func (c *Cluster) SmallDisk(t testing.TB, megabytes int) {
	t.Helper()
	if err := os.Mkdir(c.disk(), 0o700); err != nil {
		t.Fatal(err)
	}
	SmallDisk(t, c.disk(), megabytes)
	if err := c.own(c.disk()); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "CREATE TABLESPACE disk LOCATION '"+c.disk()+"'")
}

// FillDisk fills the small disk, until the returned function is called.
func (c *Cluster) FillDisk(t testing.TB) (makeRoom func()) { t.Helper(); return Fill(t, c.disk()) }

// Exhaust ends all sessions of the server, and takes all its connections, and each that becomes free, until the returned
// function is called.
func (c *Cluster) Exhaust(t testing.TB) (release func()) {
	t.Helper()
	db, err := sqlx.Open("postgres", c.URL()+"&application_name=exhaust")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	knife, err := db.Connx(ctx)
	if err != nil {
		t.Fatal(err)
	}
	taken := []*sqlx.Conn{knife}
	var mu sync.Mutex
	full := make(chan struct{})
	isFull := sync.OnceFunc(func() { close(full) })
	var taking sync.WaitGroup
	for range 4 {
		taking.Go(func() {
			for ctx.Err() == nil {
				conn, err := db.Connx(ctx)
				if err != nil {
					isFull()
					time.Sleep(5 * time.Millisecond)
					continue
				}
				mu.Lock()
				taken = append(taken, conn)
				mu.Unlock()
			}
		})
	}
	release = sync.OnceFunc(func() {
		stop()
		taking.Wait()
		for _, conn := range taken {
			conn.Close()
		}
		db.Close()
	})
	t.Cleanup(release)
	<-full
	if _, err := knife.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'exhaust'"); err != nil {
		t.Fatal(err)
	}
	return release
}

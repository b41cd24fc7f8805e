package storage_test

import (
	"os"
	"path/filepath"
	"testing"

	"tocsin/internal/lab"
	"tocsin/storage/storagetest"
)

func TestSQLite(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storagetest.Database {
		path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
		return storagetest.Database{DSN: "sqlite:" + path, Steal: func(t testing.TB) {
			if err := os.Remove(path + ".lock"); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

func TestPostgres(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storagetest.Database {
		dsn := lab.Postgres(t)
		cut := func(t testing.TB) { lab.Cut(t, dsn) }
		return storagetest.Database{DSN: dsn, Cut: cut, Steal: cut}
	})
}

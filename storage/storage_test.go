package storage_test

import (
	"os"
	"path/filepath"
	"testing"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/storage/storagetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	migrated := filepath.Join(t.TempDir(), "migrated.db") // the migrations, which other tests are about, take longer than most of these
	must(t, storage.Migrate(t.Context(), "sqlite:"+migrated))
	data, err := os.ReadFile(migrated)
	must(t, err)
	storagetest.Run(t, func(t testing.TB) storagetest.Database {
		path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
		must(t, os.WriteFile(path, data, 0o600))
		return storagetest.Database{DSN: "sqlite:" + path, Steal: func(t testing.TB) {
			if err := os.Remove(path + ".lock"); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t testing.TB) storagetest.Database {
		dsn := lab.Postgres(t)
		cut := func(t testing.TB) { lab.Cut(t, dsn) }
		return storagetest.Database{DSN: dsn, Cut: cut, Steal: cut}
	})
}

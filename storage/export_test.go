package storage

import (
	"context"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"
)

// Latest is the version of the newest migration.
func Latest() int64 { return latest() }

// AddMigrations makes the program one that knows more migrations, until the test ends.
func AddMigrations(t testing.TB, more map[string]string) {
	t.Helper()
	before, all := scripts, fstest.MapFS{}
	names, err := fs.Glob(before, "migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		script, err := fs.ReadFile(before, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: script}
	}
	for name, script := range more {
		all["migrations/"+name] = &fstest.MapFile{Data: []byte(script)}
	}
	scripts = maps.Clone(all)
	t.Cleanup(func() { scripts = before })
}

// OpenAt makes the database of an older release: with the schema of a version.
func OpenAt(ctx context.Context, dsn string, version int64, script string) error {
	s, err := connect(ctx, dsn, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.migrate(ctx, version); err != nil {
		return err
	}
	_, err = s.writer.ExecContext(ctx, script)
	return err
}

// Pragma reads a pragma of the writer's connection.
func Pragma(t testing.TB, s *Store, name string) (value string) {
	t.Helper()
	if err := s.writer.Get(&value, "PRAGMA "+name); err != nil {
		t.Fatal(err)
	}
	return value
}

package storage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

// onBoth runs a test on a new database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteDSN(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, lab.Postgres(t)) })
}

// Every released schema migrates to the current one, with its data. testdata has rows of each version.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for version := int64(1); version <= storage.Latest(); version++ {
		rows, err := os.ReadFile(fmt.Sprintf("testdata/v%d.sql", version))
		must(t, err)
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, dsn string) {
				must(t, storage.OpenAt(t.Context(), dsn, version, string(rows)))
				store := open(t, dsn)
				checkUpgraded(t, store, version)
				reached, err := store.Version(t.Context())
				must(t, err)
				if reached != storage.Latest() {
					t.Errorf("version %d", reached)
				}
			})
		})
	}
}

var byJID = cmpopts.SortSlices(func(x, y track.Peer) bool { return x.JID < y.JID })

// checkUpgraded checks the migrated rows of testdata.
func checkUpgraded(t *testing.T, s *storage.Store, version int64) {
	t.Helper()
	ctx := t.Context()
	want := track.Message{
		Ord: 1882193920000000000, Key: track.Key{Sender: alice, Recipient: bob, ID: "m1"}, Status: track.Delivered, Marks: track.AsksReceipt | track.TimedOutUnread,
		Resource: "phone", Lang: "en", SentAt: 1795000000000, DeliveredAt: 1795000001000, TimeoutAt: 1795000600000,
		Hint: track.Hint{Timeout: 600, Priority: track.High}, Text: "Are you there?", Step: 1, Reason: track.ReasonPrompted, Prompt: "p-1",
		Notice: track.Notice{Seq: 2, Delivered: 1, Rev: 7, State: track.StateTimeoutUnread, Basis: track.ByTimer, At: 1795000600000},
	}
	var peers []track.Peer
	var pairs []track.Pair
	var texts []track.Text
	if version >= 8 {
		want.Notice.SMS = track.SMSStateUnsure
		texts = []track.Text{{
			ID: "0123456789abcdef0123456789abcdef", Row: 1882194549145600001, Conv: want.Conv(), State: track.TextUnsure, Messages: []int64{want.Ord}, Prompt: "p-1",
			Number: "+8613800138000", Route: "carrier", From: "+8613900139000", Segments: 1, Parts: 1, Answered: true, QueuedAt: 1795000600000, SentAt: 1795000600001,
		}}
	}
	if version >= 11 {
		texts[0].Body = "Call me, please"
	}
	if version >= 9 {
		texts[0].Tag = 2
		known := track.ReplyKey{Route: "carrier", ID: "r1"}
		loaded, err := s.Load(ctx, track.Want{Replies: []track.ReplyKey{known, {Route: "carrier", ID: "r2"}}}, 1795000700000)
		must(t, err)
		if diff := cmp.Diff([]track.ReplyKey{known}, loaded.Seen); diff != "" {
			t.Errorf("replies, -want +got:\n%s", diff)
		}
		queue, err := s.Pending(ctx)
		must(t, err)
		reply := track.Outgoing{ID: "r-1", Kind: track.OutReply, Owner: alice, To: []string{bob}, Ord: want.Ord, Text: "On my way", After: 1795000700000}
		if diff := cmp.Diff([]track.Outgoing{reply}, queue); diff != "" {
			t.Errorf("outbox, -want +got:\n%s", diff)
		}
	}
	if version >= 3 {
		want.Standing, want.There, want.HandedAt = track.StandingFrom, track.ThereManaged, 1795000000500
		want.Expects = track.Expectation{Delivery: 6, Reading: 7}
		peers = []track.Peer{{
			JID: bob, Receipts: 1795000000100, Markers: 1795000000200, Acks: 1795000000300, Came: 1795000000400, Managed: track.Yes, Announces: track.No,
		}}
		pairs = []track.Pair{{
			Conv: want.Conv(), Receipts: 1795000000001, Arrivals: 1795000000002, Markers: 1795000000003, Device: "phone", Unasked: 1795000000004,
			Past: 1795000000005, SealedReceipts: 1795000000006, SealedMarkers: 1795000000007, Unconfirmed: 1, Unmarked: 2, CountedAt: 1795000000008,
		}}
		checkPrefs(t, s, version)
	}
	if version >= 6 {
		pairs[0].Refused = want.Ord
		peers = append([]track.Peer{{JID: alice, Refusals: 1}}, peers...)
	}
	if version >= 12 {
		gone, err := s.Removed(ctx)
		must(t, err)
		if diff := cmp.Diff([]track.Removal{{JID: "carol@example.org", Ord: 1882193920000000000}}, gone); diff != "" {
			t.Errorf("removed accounts, -want +got:\n%s", diff)
		}
	}
	if version >= 5 {
		token := track.Token{Hash: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef", Purpose: track.PromptPage, Owner: alice, Prompt: "p-1", Expires: 1795086400000}
		got, _, err := s.Token(ctx, token.Hash)
		must(t, err)
		if diff := cmp.Diff(token, got); diff != "" {
			t.Errorf("token, -want +got:\n%s", diff)
		}
	}
	prompt := track.Prompt{
		ID: "p-1", Row: 1882194549145600000, Conv: want.Conv(), Messages: []int64{want.Ord}, Covered: 1, OpenedAt: 1795000600000, ExpiresAt: 1795004200000,
		Code: "7f3c", Shown: []string{alice + "/phone"}, Sends: 1, SentAt: 1795000600000, Due: 1795004200000,
	}
	// The secret of the rows is known, and so are their hashes.
	convs := []track.Conv{want.Conv()}
	loaded, err := s.Load(ctx, track.Want{Keys: []track.Key{want.Key}, Open: convs, Peers: []string{bob}, Pairs: convs}, 1795000600001)
	must(t, err)
	if diff := cmp.Diff(track.Loaded{Messages: []track.Message{want}, Prompts: []track.Prompt{prompt}, Peers: peers, Pairs: pairs, Open: convs}, loaded, byJID); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	sms, err := s.Texts(ctx, 0, 10)
	must(t, err)
	if diff := cmp.Diff(texts, sms); diff != "" {
		t.Errorf("texts, -want +got:\n%s", diff)
	}
	if version >= 10 {
		code, pending, err := s.PendingCode(ctx, bob, 1795000600001)
		must(t, err)
		want := track.Code{Row: 1882194549145600002, JID: bob, Number: "+8613800138000", Country: "CN", Language: "zh", Salt: "00112233445566778899aabbccddeeff",
			MadeAt: 1795000600000, SentAt: 1795000600000, Expires: 1795001200000, Sends: 1, Tries: 2}
		if diff := cmp.Diff(want, code); diff != "" || !pending {
			t.Errorf("code, -want +got:\n%s", diff)
		}
	}
	due := map[int64]track.Time{}
	must(t, s.Alarms(ctx, func(a track.Alarm) { due[a.Ref] = a.Due }))
	if diff := cmp.Diff(map[int64]track.Time{-prompt.Row: prompt.Due}, due); diff != "" {
		t.Errorf("alarms, -want +got:\n%s", diff)
	}
	live, err := s.Prompts(ctx, alice)
	must(t, err)
	if diff := cmp.Diff([]track.Prompt{prompt}, live); diff != "" {
		t.Errorf("live prompts, -want +got:\n%s", diff)
	}
	given, err := s.Releases(ctx, bob, 10)
	must(t, err)
	if diff := cmp.Diff([]track.Release{{Owner: bob, To: alice, Number: "+8613800138000", ID: "m1", At: 1795000600000}}, given); diff != "" {
		t.Errorf("releases, -want +got:\n%s", diff)
	}
	// Saving again replaces the old values.
	must(t, s.SaveContact(ctx, track.Contact{Owner: alice, Contact: bob, Muted: true, Hidden: true}))
	must(t, s.SaveDevices(ctx, []track.Device{{JID: alice + "/phone", Features: track.CanSMS, At: 1795000600000}}, nil))
	var contacts []track.Contact
	must(t, s.Contacts(ctx, func(c track.Contact) { contacts = append(contacts, c) }))
	if diff := cmp.Diff([]track.Contact{{Owner: alice, Contact: bob, Muted: true, Hidden: true}}, contacts); diff != "" {
		t.Errorf("contacts, -want +got:\n%s", diff)
	}
	var devices []track.Device
	must(t, s.Devices(ctx, func(d track.Device) { devices = append(devices, d) }))
	if diff := cmp.Diff([]track.Device{{JID: alice + "/phone", Features: track.CanSMS, At: 1795000600000}}, devices); diff != "" {
		t.Errorf("devices, -want +got:\n%s", diff)
	}
	seed, err := s.Seed(ctx)
	must(t, err)
	if seed.LastOrd != prompt.Row || seed.LastRev != 7 {
		t.Errorf("last ord %d, last rev %d", seed.LastOrd, seed.LastRev)
	}
	n, ok, err := s.Number(ctx, bob)
	must(t, err)
	if n.E164 != "+8613800138000" || !ok || !n.Consent {
		t.Errorf("number: %+v", n)
	}
}

// checkPrefs checks bob's settings.
func checkPrefs(t *testing.T, s *storage.Store, version int64) {
	t.Helper()
	want := track.Prefs{
		JID: bob, Mode: 1, UndeliveredAfter: 30 * time.Second, UnreadAfter: time.Minute, Quiet: "22:00-07:00", Zone: "Asia/Shanghai", Language: "zh", Text: "notice",
		Fallback: 1, Watch: 2, Sync: track.SyncTold,
	}
	if version >= 4 {
		want.Share = track.ShareContacts
	}
	if version >= 11 {
		want.Gateway = "cheogram.com"
	}
	var got []track.Prefs
	must(t, s.Prefs(t.Context(), func(p track.Prefs) { got = append(got, p) }))
	if diff := cmp.Diff([]track.Prefs{want}, got); diff != "" {
		t.Errorf("preferences, -want +got:\n%s", diff)
	}
}

func TestNewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		t.Run("future", func(t *testing.T) {
			storage.AddMigrations(t, map[string]string{"9999_future.sql": "CREATE TABLE future (x BIGINT)"})
			open(t, dsn)
		})
		for _, migrate := range []bool{true, false} {
			_, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: migrate})
			if !errors.Is(err, storage.ErrSchema) || !strings.Contains(err.Error(), "version 9999") {
				t.Errorf("migrate %v: %v", migrate, err)
			}
		}
	})
}

func TestOlderSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		inhabited(t, open(t, dsn), 10)
		storage.AddMigrations(t, map[string]string{
			"9998_more.sql": "ALTER TABLE messages ADD COLUMN more BIGINT NOT NULL DEFAULT 7; CREATE INDEX more ON messages (more)",
			"9999_last.sql": "UPDATE messages SET text = 'changed'",
		})
		_, err := storage.Open(t.Context(), dsn, storage.Options{})
		if !errors.Is(err, storage.ErrSchema) || !strings.Contains(err.Error(), "tocsin migrate") {
			t.Errorf("without Migrate: %v", err)
		}
		status := func() string {
			all, err := storage.Status(t.Context(), dsn)
			must(t, err)
			var lines []string
			for _, m := range all[len(all)-2:] {
				lines = append(lines, fmt.Sprint(m.Version, " ", m.Name, " ", m.Applied))
			}
			return strings.Join(lines, ", ")
		}
		if got := status(); got != "9998 more false, 9999 last false" {
			t.Errorf("before: %s", got)
		}
		must(t, storage.Migrate(t.Context(), dsn))
		if got := status(); got != "9998 more true, 9999 last true" {
			t.Errorf("after: %s", got)
		}
		ms, err := open(t, dsn).Messages(t.Context(), alice, track.Filter{Newest: true})
		must(t, err)
		if len(ms) != 10 || ms[0].Text != "changed" {
			t.Errorf("%d messages: %+v", len(ms), ms[0])
		}
	})
}

// A failed migration leaves the schema of the last successful one.
func TestFailedMigration(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		inhabited(t, open(t, dsn), 10)
		storage.AddMigrations(t, map[string]string{
			"9998_good.sql": "CREATE TABLE good (x BIGINT)",
			"9999_bad.sql":  "CREATE TABLE half (x BIGINT); UPDATE messages SET text = 'changed'; CREATE TABLE half (x BIGINT)",
		})
		if err := storage.Migrate(t.Context(), dsn); !errors.Is(err, storage.ErrSchema) {
			t.Errorf("%v", err)
		}
		all, err := storage.Status(t.Context(), dsn)
		must(t, err)
		if last := all[len(all)-2:]; !last[0].Applied || last[1].Applied {
			t.Errorf("%+v", last)
		}
		storage.AddMigrations(t, map[string]string{"9999_bad.sql": "CREATE TABLE half (x BIGINT)"}) // fixed
		ms, err := open(t, dsn).Messages(t.Context(), alice, track.Filter{Newest: true})
		must(t, err)
		if len(ms) != 10 || ms[0].Text != "Hello?" {
			t.Errorf("%d messages: %+v", len(ms), ms[0])
		}
	})
}

func TestMissingSchema(t *testing.T) {
	t.Parallel()
	_, err := storage.Open(t.Context(), lab.Postgres(t), storage.Options{})
	if !errors.Is(err, storage.ErrSchema) || !strings.Contains(err.Error(), "tocsin migrate") {
		t.Errorf("%v", err)
	}
	store, err := storage.Open(t.Context(), sqliteDSN(t), storage.Options{})
	must(t, err)
	must(t, store.Close())
}

// Many instances start at once on an empty database: one creates the schema, and all agree on the secret.
func TestStartTogether(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		var wg sync.WaitGroup
		secrets := make([]string, 8)
		for i := range secrets {
			wg.Go(func() {
				s, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: true})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				seed, err := s.Seed(t.Context())
				if err != nil {
					t.Error(err)
				}
				secrets[i] = string(seed.Secret)
			})
		}
		wg.Wait()
		for _, secret := range secrets {
			if secret != secrets[0] {
				t.Error("two secrets were created")
			}
		}
	})
}

func TestBadDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                            "invalid DSN",
		"mysql://x":                   "unsupported database",
		"sqlite:":                     "no file in",
		"sqlite:/nowhere/at/all/x.db": "no such file or directory",
		"postgres://u:hush@%zz/x":     "invalid percent-encoding",
		"postgres://u:hush@127.0.0.1:1/x?sslmode=disable": "connection refused",
	} {
		_, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", dsn, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

// With Existing, neither a file nor a schema is created.
func TestExisting(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{"typo.db": "no such file or directory", "empty.db": "not a database of Tocsin"} {
		file := filepath.Join(dir, name)
		if name == "empty.db" {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := storage.Open(t.Context(), "sqlite:"+file, storage.Options{Existing: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "typo.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was created: %v", err)
	}
}

// URLs accepted by psql reach the database: a password with a "#", several hosts of which the first is down, and one that
// must be the primary.
func TestOpenAsPsqlReads(t *testing.T) {
	t.Parallel()
	plain := lab.Postgres(t)
	scheme, rest, _ := strings.Cut(plain, "://")
	_, rest, _ = strings.Cut(rest, "@")
	for _, dsn := range []string{
		scheme + "://tocsin:4711#geheim@" + rest,
		scheme + "://tocsin:p%40ss%2Fword@127.0.0.1:1," + rest + "&target_session_attrs=read-write",
		strings.Replace(plain, "sslmode=disable", "sslmode=prefer", 1),
	} {
		s, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: true})
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
		s.Close()
	}
}

// Before version 6, refusals were marks on messages.
func TestUpgradeRefusals(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		rows, err := os.ReadFile("testdata/v2.sql")
		must(t, err)
		script := string(rows) + "UPDATE messages SET marks = marks + 4194304;"
		must(t, storage.OpenAt(t.Context(), dsn, 2, script))
		store := open(t, dsn)
		conv := track.Conv{Sender: alice, Recipient: bob}
		loaded, err := store.Load(t.Context(), track.Want{Open: []track.Conv{conv}, Pairs: []track.Conv{conv}}, 1795000600001)
		must(t, err)
		if len(loaded.Messages) != 1 || loaded.Messages[0].Marks != track.AsksReceipt|track.TimedOutUnread {
			t.Errorf("messages: %+v", loaded.Messages)
		}
		if diff := cmp.Diff([]track.Pair{{Conv: conv, Refused: 1882193920000000000}}, loaded.Pairs); diff != "" {
			t.Errorf("pairs, -want +got:\n%s", diff)
		}
	})
}

package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/storage"
	"tocsin/track"
)

// growing are the tables that grow with the number of messages or people.
var growing = []string{"messages", "prompts", "peers", "pairs", "releases", "numbers", "prefs", "contacts", "devices", "texts", "text_parts", "replies_seen", "stops", "codes"}

// TestPlans has the database explain every statement that is run regularly: none may read a share of a table that grows.
// Statements that read everything pending (at startup, on a change of policy, for tocsin status) are not among them.
func TestPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) { plans(t, dsn, 20_000) })
}

// TestPlansSoak is TestPlans with ten million messages.
func TestPlansSoak(t *testing.T) {
	if os.Getenv("TOCSIN_SOAK") == "" {
		t.Skip("for make soak")
	}
	onBoth(t, func(t *testing.T, dsn string) { plans(t, dsn, 10_000_000) })
}

func plans(t *testing.T, dsn string, rows int) {
	ctx, s := t.Context(), open(t, dsn)
	leadership, err := s.Lead(ctx, component)
	must(t, err)
	defer leadership.Release()
	storage.Grow(t, s, rows)

	// What an instance reads at startup, and on request.
	seldom := map[string]bool{}
	for _, statement := range storage.Record(t, dsn, func(s *storage.Store) {
		must(t, second(s.Seed(ctx)))
		must(t, s.Devices(ctx, func(track.Device) {}))
	}) {
		seldom[statement.Query] = true
	}
	statements := storage.Record(t, dsn, func(s *storage.Store) {
		for i := range 2 {
			life(t, s, track.Key{Sender: alice, Recipient: bob, ID: fmt.Sprint("m", i)}, "phone")
		}
		now := benchStart + 100_000_000
		loaded, err := s.Load(ctx, track.Want{
			Keys: []track.Key{{Sender: alice, Recipient: bob, ID: "m1"}}, Open: []track.Conv{{Sender: alice, Recipient: bob}}, Ords: []int64{1, 2}, Rows: []int64{3},
			Prompts: []string{"p-1"}, Senders: []string{alice}, Of: []string{alice}, Peers: []string{bob}, Pairs: []track.Conv{{Sender: alice, Recipient: bob}},
			Texts: []string{"t"}, Parts: []track.PartKey{{Route: "r", ID: "1"}}, Phones: []string{"+1"}, Replies: []track.ReplyKey{{Route: "r", ID: "1"}}, SMS: true,
			Codes: []track.CodeKey{{User: alice, Number: "+1", Country: "CN"}}, Numbers: []string{"+1"}, Alerts: []track.Alert{{Kind: track.AlertCodes}},
		}, now)
		must(t, err)
		must(t, s.Commit(ctx, track.Changes{
			Update: loaded.Messages, Prompts: loaded.Prompts, Peers: []track.Peer{{JID: bob}}, Done: []string{"o"}, Delivered: []track.NoticeKey{{Ord: 1, Seq: 1}}, Taken: []int64{1},
			Attempts: []track.Attempt{{ID: "o"}}, Outbox: []track.Outgoing{{ID: "o2"}}, Marks: []track.Mark{{Run: "r", N: 1}},
			Texts: []track.Text{{ID: "t"}}, Parts: []track.Part{{Text: "t"}}, Replies: []track.ReplySeen{{}}, Stops: []track.Stop{{Number: "+1"}}, Codes: []track.Code{{Row: 1, JID: alice}}, Numbers: []track.Number{{JID: bob}}, Alerts: []track.Alerted{{}},
		}))
		for more := true; more; {
			done, err := s.Prune(ctx, now, benchStart+100, 500)
			must(t, err)
			more = done.More
		}
		must(t, second(s.CommitStored(ctx)))
		must(t, s.Ping(ctx))
		must(t, second(s.HasLeader(ctx)))
		must(t, second(s.HandedOver(ctx, 10)))
		must(t, second(s.Pending(ctx)))
		for _, f := range []track.Filter{{Newest: true, Limit: 10}, {PendingNotice: true}, {AfterRev: 7}, {Unsettled: true}, {ID: "m1", With: bob}, {ID: "m1"}} {
			must(t, second(s.Messages(ctx, alice, f)))
		}
		_, _, err = s.Number(ctx, bob)
		must(t, err)
		must(t, second(s.IsRefused(ctx, track.Conv{Sender: alice, Recipient: bob})))
		must(t, second(s.RemoveNumber(ctx, bob)))
		must(t, second(s.StoppedBy(ctx, "+1")))
		_, _, err = s.PendingCode(ctx, bob, now)
		must(t, err)
		must(t, s.Put(ctx, "a", "b"))
	})
	for _, table := range []string{"messages", "prompts", "text_parts", "texts", "replies_seen", "codes", "releases", "tokens", "peers", "pairs"} {
		if !slices.ContainsFunc(statements, func(s storage.Statement) bool { return strings.HasPrefix(s.Query, "DELETE FROM "+table+" ") }) {
			t.Errorf("nothing was pruned from %s", table)
		}
	}
	if len(statements) < 40 {
		t.Errorf("only %d statements were recorded", len(statements))
	}
	for _, statement := range statements {
		if seldom[statement.Query] {
			continue
		}
		for _, plan := range storage.Explain(t, s, statement) {
			if reads := scans(t, plan); len(reads) > 0 {
				t.Errorf("%s\nscans %s:\n%s", statement.Query, strings.Join(reads, ", "), plan)
			}
		}
	}
	began := time.Now()
	must(t, second(s.Prune(context.Background(), benchStart+100_000_000, benchStart, 500)))
	t.Logf("%d statements, %d rows; a step of pruning took %s", len(statements), rows, time.Since(began).Round(time.Microsecond))
}

// A round of pruning that finds nothing writes nothing.
func TestPruneOfNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		life(t, open(t, dsn), track.Key{Sender: alice, Recipient: bob, ID: "m1"}, "phone")
		round := func(before track.Time) (written []string) {
			for _, statement := range storage.Record(t, dsn, func(s *storage.Store) {
				must(t, second(s.Prune(t.Context(), benchStart+100_000_000, before, 500)))
			}) {
				if !strings.HasPrefix(statement.Query, "SELECT") {
					written = append(written, statement.Query)
				}
			}
			return written
		}
		if written := round(benchStart - 1); len(written) > 0 {
			t.Errorf("written: %q", written)
		}
		if written := round(benchStart + 90_000_000); len(written) == 0 {
			t.Error("nothing was pruned later")
		}
	})
}

// scans are the growing tables that a plan scans.
func scans(t *testing.T, plan string) (tables []string) {
	t.Helper()
	if !strings.HasPrefix(plan, "[") { // SQLite: one line per loop
		for line := range strings.Lines(plan) {
			fields := strings.Fields(line)
			if len(fields) > 1 && fields[0] == "SCAN" && slices.Contains(growing, fields[1]) {
				tables = append(tables, fields[1])
			}
		}
		return tables
	}
	type node struct {
		Kind      string `json:"Node Type"`
		Table     string `json:"Relation Name"`
		Condition string `json:"Index Cond"`
		Recheck   string `json:"Recheck Cond"`
		Tid       string `json:"TID Cond"`
		Plans     []node
	}
	var explained []struct{ Plan node }
	if err := json.Unmarshal([]byte(plan), &explained); err != nil {
		t.Fatal(err)
	}
	var visit func(n node, limited bool)
	visit = func(n node, limited bool) {
		limited = limited || n.Kind == "Limit"
		reads := n.Table != "" && n.Kind != "ModifyTable"
		if reads && n.Condition == "" && n.Recheck == "" && n.Tid == "" && slices.Contains(growing, n.Table) && !(limited && strings.HasPrefix(n.Kind, "Index")) {
			tables = append(tables, n.Table)
		}
		for _, child := range n.Plans {
			visit(child, limited)
		}
	}
	visit(explained[0].Plan, false)
	return tables
}

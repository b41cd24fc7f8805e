-- How many conversations of a user end in a refusal: pairs has a row for each of so many, and no more.
ALTER TABLE peers ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;
INSERT INTO peers (jid, receipts, markers, acks, came_at, managed, announces, refusals)
  SELECT sender, 0, 0, 0, 0, 0, 0, count(*) FROM pairs WHERE refused <> 0 GROUP BY sender
  ON CONFLICT (jid) DO UPDATE SET refusals = excluded.refusals;
-- Accounts that were removed, until what was sent to them is no longer watched.
CREATE TABLE removed (
  jid TEXT PRIMARY KEY,
  ord BIGINT NOT NULL -- the last one of the account
);

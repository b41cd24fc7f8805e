-- What silence means: what the server knew of a message, and what was learned of recipients.

ALTER TABLE messages ADD COLUMN standing SMALLINT NOT NULL DEFAULT 0; -- of the sender in the recipient's roster
ALTER TABLE messages ADD COLUMN there SMALLINT NOT NULL DEFAULT 0;    -- whose sessions were there when it was sent
ALTER TABLE messages ADD COLUMN delivery_rule SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN reading_rule SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN handed_at BIGINT NOT NULL DEFAULT 0;

-- unsettled is 2 for one that bounced: evidence may lift it, nothing else touches it.
CREATE INDEX messages_failed ON messages (conv) WHERE unsettled = 2;

ALTER TABLE peers ADD COLUMN came_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN managed SMALLINT NOT NULL DEFAULT 0;   -- 1: no, 2: yes, as announces
ALTER TABLE peers ADD COLUMN announces SMALLINT NOT NULL DEFAULT 0;

CREATE TABLE pairs (
  conv            BIGINT PRIMARY KEY, -- of sender (upper half) and recipient
  receipts        BIGINT NOT NULL,
  arrivals        BIGINT NOT NULL,
  markers         BIGINT NOT NULL,
  unasked         BIGINT NOT NULL,
  past            BIGINT NOT NULL,
  sealed_receipts BIGINT NOT NULL,
  sealed_markers  BIGINT NOT NULL,
  unconfirmed     SMALLINT NOT NULL,
  unmarked        SMALLINT NOT NULL,
  counted_at      BIGINT NOT NULL,
  sender          TEXT NOT NULL,
  recipient       TEXT NOT NULL,
  device          TEXT NOT NULL
);

ALTER TABLE prefs ADD COLUMN sync SMALLINT NOT NULL DEFAULT 0;

-- Instants are Unix milliseconds, 0: none. Small numbers are those of package track. A line that ends with the name of
-- a database is for that one alone. What each index is for stands in docs/design/storage.md.

CREATE TABLE messages (
  ord          BIGINT PRIMARY KEY,
  hash         BIGINT NOT NULL,    -- of sender (upper half), recipient and id
  conv         BIGINT NOT NULL,    -- of sender (upper half) and recipient
  unsettled    SMALLINT NOT NULL,  -- 1: watched, and pending or delivered
  kind         SMALLINT NOT NULL,
  original     BIGINT NOT NULL,
  status       SMALLINT NOT NULL,
  marks        BIGINT NOT NULL,
  sent_at      BIGINT NOT NULL,
  delivered_at BIGINT NOT NULL,
  timeout_at   BIGINT NOT NULL,
  settled_at   BIGINT NOT NULL,
  until        SMALLINT NOT NULL,  -- until, timeout, priority, escalate: the sender's hint
  timeout      INTEGER NOT NULL,   -- seconds
  priority     SMALLINT NOT NULL,
  escalate     SMALLINT NOT NULL,
  step         SMALLINT NOT NULL,
  due          BIGINT NOT NULL,
  seq          BIGINT NOT NULL,    -- seq, told, rev, notice_at, state, basis, further: the notice
  told         BIGINT NOT NULL,
  rev          BIGINT NOT NULL,
  notice_at    BIGINT NOT NULL,
  sender       TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  id           TEXT NOT NULL,
  resource     TEXT NOT NULL,
  lang         TEXT NOT NULL,
  text         TEXT NOT NULL,
  why          TEXT NOT NULL,
  prompt       TEXT NOT NULL,
  state        TEXT NOT NULL,
  basis        TEXT NOT NULL,
  further      TEXT NOT NULL
);
CREATE INDEX messages_hash ON messages (hash, ord);
CREATE INDEX messages_open ON messages (conv) WHERE unsettled = 1;
CREATE INDEX messages_due ON messages (due) WHERE due <> 0; -- sqlite
ALTER TABLE messages SET (fillfactor = 60); -- postgres

CREATE TABLE prompts (
  ord         BIGINT PRIMARY KEY,
  state       SMALLINT NOT NULL,
  covered     BIGINT NOT NULL,
  undelivered SMALLINT NOT NULL,
  priority    SMALLINT NOT NULL,
  opened_at   BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  until       BIGINT NOT NULL,
  snoozes     SMALLINT NOT NULL,
  sends       BIGINT NOT NULL,
  sent_at     BIGINT NOT NULL,
  resend      SMALLINT NOT NULL,
  due         BIGINT NOT NULL,
  id          TEXT NOT NULL UNIQUE,
  sender      TEXT NOT NULL,
  recipient   TEXT NOT NULL,
  withdrew    TEXT NOT NULL,
  messages    TEXT NOT NULL,       -- JSON: [ord, …]
  claimer     TEXT NOT NULL,
  code        TEXT NOT NULL,
  shown       TEXT NOT NULL,       -- JSON: ["jid", …]
  chat        TEXT NOT NULL
);
CREATE UNIQUE INDEX prompts_live ON prompts (sender, recipient) WHERE state < 3;
CREATE INDEX prompts_sender ON prompts (sender, opened_at);
CREATE INDEX prompts_recipient ON prompts (recipient, opened_at);
CREATE INDEX prompts_due ON prompts (due) WHERE due <> 0;

CREATE TABLE outbox (
  pos        BIGINT PRIMARY KEY,
  ord        BIGINT NOT NULL,
  after      BIGINT NOT NULL,
  step       BIGINT NOT NULL,
  tries      BIGINT NOT NULL,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL,
  owner      TEXT NOT NULL,
  prompt     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  recipients TEXT NOT NULL         -- JSON: ["jid", …]
);

CREATE TABLE peers (
  receipts BIGINT NOT NULL,
  markers  BIGINT NOT NULL,
  acks     BIGINT NOT NULL,
  jid      TEXT PRIMARY KEY
);

CREATE TABLE releases (
  at       BIGINT NOT NULL,
  owner    TEXT NOT NULL,
  receiver TEXT NOT NULL,
  number   TEXT NOT NULL,
  id       TEXT NOT NULL,
  PRIMARY KEY (owner, receiver, id)
);
CREATE INDEX releases_at ON releases (at);

CREATE TABLE numbers (
  consent  SMALLINT NOT NULL,
  verified SMALLINT NOT NULL,
  at       BIGINT NOT NULL,
  jid      TEXT PRIMARY KEY,
  e164     TEXT NOT NULL,
  source   TEXT NOT NULL
);

CREATE TABLE prefs (
  mode              SMALLINT NOT NULL,
  undelivered_after BIGINT NOT NULL, -- milliseconds, as unread_after
  unread_after      BIGINT NOT NULL,
  fallback          SMALLINT NOT NULL,
  watch             SMALLINT NOT NULL,
  jid               TEXT PRIMARY KEY,
  quiet             TEXT NOT NULL,
  zone              TEXT NOT NULL,
  language          TEXT NOT NULL,
  text              TEXT NOT NULL
);

CREATE TABLE contacts (
  muted   SMALLINT NOT NULL,
  hidden  SMALLINT NOT NULL,
  owner   TEXT NOT NULL,
  contact TEXT NOT NULL,
  PRIMARY KEY (owner, contact)
);

CREATE TABLE devices (
  features BIGINT NOT NULL,
  at       BIGINT NOT NULL,
  jid      TEXT PRIMARY KEY
);

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Who may write: see hold.go.
CREATE TABLE holder (
  one   BIGINT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  jid   TEXT NOT NULL
);
INSERT INTO holder VALUES (1, 0, '');
